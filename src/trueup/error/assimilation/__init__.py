"""Ensembles of a simulator that are drawn towards observations, as rows over axes."""
