"""Bytes on disk: atomic writes, locks, fingerprints, resuming."""
