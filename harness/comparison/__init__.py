"""Comparison of strategies by their recorded trials: effects, verdicts, prevalence, ranks."""
