"""Tables of predictions of any size: opened, understood, and reduced to a cube in one pass."""
