"""Subject inference, copies of recordings, and overlap between data sets."""
