"""The record of trials: the store, its names and the figures."""
