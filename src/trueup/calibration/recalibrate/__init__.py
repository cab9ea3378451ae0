"""Corrections of class probabilities, one a file: rows over (map, loss, grouping)."""
