"""Lethe: see what a compressed vision model forgot.

The way of the data::

    dataset -> population of models -> compression -> per-image predictions (Parquet)
            -> statistics (arrays -> frame) -> figures (frame -> plotly Figure)
            -> Streamlit views, or exported files

``python -m analysis`` runs it; ``load_sweep`` opens a finished sweep in Python.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from analysis.results import load_sweep as load_sweep


def __getattr__(name: str) -> Any:
    if name == "load_sweep":
        from analysis.results import load_sweep

        return load_sweep
    raise AttributeError(f"module 'analysis' has no attribute '{name}'")
