"""Measurements at many points at once: curves with bands."""
