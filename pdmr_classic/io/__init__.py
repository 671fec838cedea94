"""Files in, files out: streams, audio vectors, labels, folders, results."""
