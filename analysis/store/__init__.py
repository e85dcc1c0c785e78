"""The cache: the only package that knows file names, and the only one that writes them."""

from analysis.store.cache import Cache
from analysis.store.derived import DerivedTables
from analysis.store.parquet import Population, Rows
from analysis.store.sweep_folder import SweepFolder

__all__ = ["Cache", "DerivedTables", "Population", "Rows", "SweepFolder"]
