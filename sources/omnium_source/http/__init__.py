"""Omnium over HTTP: the client with its token, limits, retries and deadlines, and the paging of endpoints."""
