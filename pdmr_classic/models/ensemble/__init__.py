"""The stacked ensemble: tuning of base learners, calibration, and combination into one probability."""
