"""What a storage says while a run writes it: each source gives what is new since the last look."""
