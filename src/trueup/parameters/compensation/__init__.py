"""What compressing a model broke, made good by a few numbers."""
