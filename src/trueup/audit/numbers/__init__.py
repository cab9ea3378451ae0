"""The audit of forecasts of numbers: laws, quantiles, ensembles, intervals, points."""
