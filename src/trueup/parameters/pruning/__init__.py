"""Weights that may be 0: rows over (criterion, pattern, allocation)."""
