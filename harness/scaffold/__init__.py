"""The package that `harness new-strategy` writes: its templates, and what fills them."""
