"""Whether changed weights are better, or not worse, on rows that no calibration saw."""
