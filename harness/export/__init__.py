"""From a recorded verdict to a folder of its own: the model with its rule, and what it is worth."""
