"""Recordings to rows of named features: one file a family, a registry, and the extractor."""
