"""Which numbers a seed may be."""

LARGEST_SEED = 2**32 - 1  # NumPy's own limit for the generator that Keras seeds
