"""Chains with parameters -> a packed periodic cell."""
