"""The training loop, its networks, and the compiled steps that it feeds."""
