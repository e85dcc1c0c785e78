"""Import predictions from files as a sweep.

files -> blocks of columns (``readers``) -> rows of numbers, spilled by run (``encode``) -> compared
run by run (``consistency``) -> written aside (``runs``) -> published as a whole (``pipeline``).
"""

from typing import TYPE_CHECKING, Any

from analysis.importing.request import ImportConfig

if TYPE_CHECKING:
    from analysis.importing.pipeline import import_predictions as import_predictions

__all__ = ["ImportConfig", "import_predictions"]


def __getattr__(name: str) -> Any:
    if name == "import_predictions":  # which loads torch
        from analysis.importing.pipeline import import_predictions

        return import_predictions
    raise AttributeError(f"module 'analysis.importing' has no attribute '{name}'")
