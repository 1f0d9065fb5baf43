"""Running many trials: what one is, where it runs, and in which order they are taken."""
