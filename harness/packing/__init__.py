"""Recorded trials as one file that travels: written from the record, and read without one."""
