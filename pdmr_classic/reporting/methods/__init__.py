"""The methods of a model and its evaluation, in Markdown."""
