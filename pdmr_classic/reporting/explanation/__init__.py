"""Explanations of predictions as one plain dict: sentences, tables, strip charts."""
