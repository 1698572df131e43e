"""What a file says beforehand about how it will load."""
