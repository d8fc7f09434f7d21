"""What a person sees while their answer is on its way. It never takes time or limits from the replies."""
