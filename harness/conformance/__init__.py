"""The conformance suite: laws that every right strategy keeps, checked without training."""
