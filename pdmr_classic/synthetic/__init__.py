"""The synthetic data set: planted truths for demos and tests."""
