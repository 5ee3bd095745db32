"""The verbs a user has: one file each, called by `cli.py`, callable from Python just as well."""
