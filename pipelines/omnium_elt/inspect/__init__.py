"""The commands check, status, dashboard and demo, and what the notebooks share."""
