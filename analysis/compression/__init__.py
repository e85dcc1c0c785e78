"""Compression methods, one file a family, each registered by name."""
