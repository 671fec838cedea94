"""The version of the package, apart from its public names: whatever stands left of these may ask for it."""

__version__ = "0.1.0"
