"""Lethe from Python: what a script or a notebook needs, and nothing is loaded before it is used."""

import importlib
from typing import TYPE_CHECKING, Any

from analysis import __version__

if TYPE_CHECKING:
    from analysis.budgets import check as check_budget
    from analysis.compression.registry import register as register_method
    from analysis.config import Sweep, Training
    from analysis.datasets.registry import register as register_dataset
    from analysis.export.registry import register as register_export_format
    from analysis.external.registry import register as register_model_format
    from analysis.importing import import_predictions
    from analysis.notebook.audit import audit
    from analysis.report import write_report
    from analysis.results import load_sweep
    from analysis.shifts.corruptions.registry import register as register_corruption
    from analysis.sweep.run import run_sweep

__all__ = [
    "Sweep",
    "Training",
    "__version__",
    "audit",
    "check_budget",
    "import_predictions",
    "load_sweep",
    "register_corruption",
    "register_dataset",
    "register_export_format",
    "register_method",
    "register_model_format",
    "run_sweep",
    "write_report",
]

_PLACES = {
    "Sweep": "analysis.config:Sweep",
    "Training": "analysis.config:Training",
    "audit": "analysis.notebook.audit:audit",
    "check_budget": "analysis.budgets:check",
    "import_predictions": "analysis.importing:import_predictions",
    "load_sweep": "analysis.results:load_sweep",
    "register_corruption": "analysis.shifts.corruptions.registry:register",
    "register_dataset": "analysis.datasets.registry:register",
    "register_export_format": "analysis.export.registry:register",
    "register_method": "analysis.compression.registry:register",
    "register_model_format": "analysis.external.registry:register",
    "run_sweep": "analysis.sweep.run:run_sweep",
    "write_report": "analysis.report:write_report",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'lethe' has no attribute '{name}'")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
