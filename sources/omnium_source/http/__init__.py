"""Omnium over HTTP: the client with its token, limits and retries, deadlines, and how an endpoint is paged."""
