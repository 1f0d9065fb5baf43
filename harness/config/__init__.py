"""Experiments as validated configuration, and how YAML becomes one."""
