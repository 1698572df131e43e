"""What is not as it was in another run of the same matrix."""
