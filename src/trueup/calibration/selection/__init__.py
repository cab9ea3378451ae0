"""Which rows are worth taking, with the share of wrong ones held."""
