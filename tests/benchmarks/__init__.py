"""Measures the goals in docs/benchmarks.md: `python -m tests.benchmarks`; see README.md."""
