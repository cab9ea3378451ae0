"""What probabilities are judged by, one measure a file."""
