"""What was computed of single variants: in memory, and tables that take long on the shelf too."""

from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd

from analysis.results.source import Source

T = TypeVar("T")
_KEPT_BYTES = 2**28


class Kept:
    """Values by name and variant, each computed once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: dict[tuple[str, str], Any] = {}

    def once(self, what: str, variant_id: str, compute: Callable[[], T]) -> T:
        """Return what was computed under that name for that variant, computed the first time."""
        key = (what, variant_id)
        if key not in self._kept:
            self._kept[key] = compute()
        found: T = self._kept[key]
        return found

    def shelved(
        self, what: str, variant_id: str, compute: Callable[[], pd.DataFrame]
    ) -> pd.DataFrame:
        """Return a table of one variant: computed once, and on the shelf where that takes long."""
        found = self.once(
            what, variant_id, lambda: self._source.kept(f"{what}-{variant_id}", compute)
        )
        if self._source.has_shelf:
            self._forget((what, variant_id))
        return found

    def _forget(self, newest: tuple[str, str]) -> None:
        """Let go of tables that the shelf has too, oldest first, once they fill too much memory."""
        sizes = {
            key: int(value.memory_usage().sum())
            for key, value in self._kept.items()
            if isinstance(value, pd.DataFrame)
        }
        total = sum(sizes.values())
        for key in [key for key in sizes if key != newest]:
            if total <= _KEPT_BYTES:
                return
            total -= sizes[key]
            del self._kept[key]
