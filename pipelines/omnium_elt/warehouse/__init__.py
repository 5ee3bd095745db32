"""The destination of a load, and DuckDB files."""
