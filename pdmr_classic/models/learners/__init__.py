"""Base learners: algorithms, preprocessing and search spaces."""
