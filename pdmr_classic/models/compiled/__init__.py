"""Fitted stacks as plain arrays: small to store, fast for single rows, and simple to convert."""
