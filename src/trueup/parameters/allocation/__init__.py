"""Which layer gets how much of a budget: rows over (options, loss, search)."""
