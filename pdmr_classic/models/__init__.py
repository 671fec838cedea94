"""Base learners, hyperparameter tuning, the grouped stacker, and the model that is saved to disk."""
