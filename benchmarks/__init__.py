"""Benchmarks, one file each, that print the figures they exist for: ``python -m benchmarks``."""
