"""Audio vectors, from the file of any program."""
