"""Comparisons: trials run, judged by what is recorded of them, and what they show kept."""
