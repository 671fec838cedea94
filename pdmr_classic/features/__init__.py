"""Feature extraction: one module per feature family, a registry, and the extractor."""
