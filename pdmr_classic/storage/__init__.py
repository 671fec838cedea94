"""Files on disk: atomic writes, locks, fingerprints, and resuming interrupted work."""
