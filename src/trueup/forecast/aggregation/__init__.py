"""Combining forecasts of several models into one."""
