"""What a strategy is, how several stack, and how one is found by its name."""
