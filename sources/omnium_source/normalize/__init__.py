"""Turns pages of JSON into tables with keys and content hashes, in this process or in workers."""
