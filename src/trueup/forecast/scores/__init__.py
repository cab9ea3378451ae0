"""Scores of forecasts of numbers, one a file."""
