"""Measures the goals of docs/benchmarks.md with `python -m tests.benchmarks`; see README.md."""
