"""Confound audit: what the recording conditions alone predict, and what the model predicts without them."""
