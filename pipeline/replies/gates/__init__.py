"""Gates: whether a reply may go on now, and which chats are looked at again when that has changed."""
