"""Base learners: algorithms, their preprocessing and their search spaces."""
