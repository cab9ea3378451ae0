"""Whether forecasts of numbers are as wide as they say, one measure a file."""
