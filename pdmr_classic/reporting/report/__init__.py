"""The report of a model, an evaluation and others as one plain dict."""
