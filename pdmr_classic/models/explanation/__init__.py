"""Why a model predicts what it predicts: contributions of features that add up to the log-odds."""
