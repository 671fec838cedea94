"""Label tables: ids, classes and subjects."""
