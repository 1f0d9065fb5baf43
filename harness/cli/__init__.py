"""The command line: one module a command, behind `app`."""
