"""Base learners, their tuning, the grouped stacker, and the model that is saved."""
