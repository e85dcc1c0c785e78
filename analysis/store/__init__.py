"""The cache of sweeps: the only package that knows file names and writes files."""

from analysis.store.derived import DerivedTables
from analysis.store.parquet import Population, Rows
from analysis.store.sweep_folder import SweepFolder
from analysis.store.transfer import Cache

__all__ = ["Cache", "DerivedTables", "Population", "Rows", "SweepFolder"]
