"""Self-contained HTML pages with vector plots, made from plain dicts."""
