"""Several models of one shape become one: rows over (delta, align, sparsify, consensus, scale)."""
