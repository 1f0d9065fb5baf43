"""Searching for good parameters on validation. No other package imports optuna."""
