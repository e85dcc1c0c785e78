"""Benchmarks: one file each; each prints the figures it exists for. ``python -m benchmarks [NAME]``."""
