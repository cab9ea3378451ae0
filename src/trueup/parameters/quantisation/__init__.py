"""Weights of few bits: rows over (grid, granularity, rounding, rotation, clip)."""
