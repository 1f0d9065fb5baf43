"""Features: what a frozen network gives for each image, computed once and kept by content."""
