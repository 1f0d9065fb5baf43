"""Processes: workers that end with their parent, and what tells one process from another."""
