"""Numerical methods that keep their own error below a tolerance, one a file."""
