"""Measurements of the goals in docs/benchmarks.md. Run them with `python -m tests.benchmarks`; see README.md."""
