"""Identity audit: who is speaking, what they are, and whether a model was trained on them."""
