"""Save models, and check them before they are loaded."""
