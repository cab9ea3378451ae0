"""Corrections of a task of which nothing but predictions is known."""
