"""Decides which windows of time to read and in which order, and proves each one complete."""
