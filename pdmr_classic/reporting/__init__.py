"""Results as plain dicts first, and as tables made from those."""
