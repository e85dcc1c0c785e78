"""The metadata columns of the test images: those in the cache, and those joined in memory."""

from functools import cached_property

import pandas as pd
import pyarrow as pa

from analysis import matching, schema
from analysis.errors import UserError
from analysis.results.attribute import Attribute, attributes_of
from analysis.store import SweepFolder


class Metadata:
    """The images of a sweep without their thumbnails, read when they are first asked for."""

    def __init__(self, folder: SweepFolder, table: pa.Table | None = None) -> None:
        self._folder = folder
        self._given = table

    @cached_property
    def table(self) -> pa.Table:
        """One row an image: ``image_id label path width height`` and the ``meta_*`` columns."""
        if self._given is not None:
            return self._given
        names = [name for name in self._folder.image_columns() if name != schema.IMAGE]
        return self._folder.read_images(names)

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        """The ``meta_*`` columns by their names without ``meta_``."""
        return attributes_of(self.table)

    def joined(self, table: matching.Joinable, *, overwrite: bool) -> "Metadata":
        """Return these metadata with the columns of a table.

        Raises
        ------
        UserError
            The table cannot be read or matched.
        """
        given, name = matching.as_table(table), self._folder.name
        added = matching.matched(given, self.table, overwrite=overwrite, sweep=name)
        return Metadata(self._folder, matching.with_columns(self.table, added))

    def chosen(self, name: str | None) -> list[Attribute]:
        """Return the attribute of a name, with or without ``meta_``, or all without a name.

        Raises
        ------
        UserError
            The sweep has none of that name; the message lists those it has.
        """
        if name is None:
            return list(self.attributes.values())
        short = name.removeprefix(schema.META_PREFIX)
        if short not in self.attributes:
            there = ", ".join(self.attributes) or "none; 'python -m analysis join' adds columns"
            raise UserError(
                f"sweep '{self._folder.name}' has no attribute '{short}'; it has {there}"
            )
        return [self.attributes[short]]

    def kinds(self) -> pd.DataFrame:
        """Say of every attribute whether it is categorical, numeric or unused, and why."""
        return pd.DataFrame(
            [
                {
                    "attribute": one.name,
                    "categorical": one.code is not None,
                    "numeric": one.number is not None,
                    "n_values": len(one.values) if one.values else None,
                    "reason": one.reason,
                }
                for one in self.attributes.values()
            ],
            columns=["attribute", "categorical", "numeric", "n_values", "reason"],
        )
