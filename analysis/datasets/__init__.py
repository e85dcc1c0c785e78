"""Datasets behind one interface, one file a source."""

from analysis.datasets.registry import dataset_kinds, open_dataset, register

__all__ = ["dataset_kinds", "open_dataset", "register"]
