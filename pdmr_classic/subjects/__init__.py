"""Who is who: subject inference, copies and overlap between sets."""
