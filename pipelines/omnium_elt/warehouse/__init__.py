"""The destination of a load, the working database, and the published warehouse."""
