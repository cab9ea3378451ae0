"""One script a published system: its claim in our words, measured on small real or known truth."""
