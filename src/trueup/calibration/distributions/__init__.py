"""Corrections of forecasts of numbers: normal laws, quantiles, ensembles, intervals, points."""
