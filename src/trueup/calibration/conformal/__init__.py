"""Sets and intervals with a guarantee that holds for any model and any law."""
