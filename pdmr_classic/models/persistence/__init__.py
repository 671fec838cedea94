"""Models on disk, and whether they may be opened."""
