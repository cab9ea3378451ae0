"""What points are judged by, one measure a file."""
