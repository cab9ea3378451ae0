"""What training can minimise so that confidence is worth something."""
