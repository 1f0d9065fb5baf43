"""One trial: what it is, how it is trained and tested, and how it is recorded."""
