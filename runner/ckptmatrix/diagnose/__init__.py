"""From what went wrong to its cause and cure."""
