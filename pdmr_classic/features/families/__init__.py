"""Feature families, grouped into one module per topic."""
