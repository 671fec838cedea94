"""From tuned base learners to one stacked probability."""
