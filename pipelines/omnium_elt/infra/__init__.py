"""Shared by all commands: settings, home, lock, log, history, errors, files."""
