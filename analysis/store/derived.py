"""Tables that can be computed again, kept on disk for as long as what they rest on is the same."""

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.errors import LetheError
from analysis.filesystem import Location
from analysis.filesystem.atomic import readable, remove_tree, replacing
from analysis.store.parquet import read_whole


class DerivedTables:
    """``derived/tables/<key>/``: ``key`` stands for everything that the tables rest on.

    A cache that cannot be written to keeps nothing, and says nothing of it. A read-only shelf gives
    what is there, and is not added to.
    """

    def __init__(self, derived: Location, key: str, *, is_read_only: bool = False) -> None:
        self.is_read_only = is_read_only
        self._all = derived / "tables"
        self._folder = self._all / key

    def get(self, name: str) -> pa.Table | None:
        """Read a table; None where it is not there, or not readable."""
        path = self._folder / f"{name}.parquet"
        try:
            if not path.is_file():
                return None
            with readable(path) as source:
                return read_whole(source)
        except (OSError, LetheError, pa.ArrowException):
            return None

    def has(self, name: str) -> bool:
        """Whether a table of that name is there."""
        try:
            return (self._folder / f"{name}.parquet").is_file()
        except OSError:
            return False

    def put(self, name: str, table: pa.Table) -> None:
        """Keep a table; those of other keys are of no use any more and are removed."""
        if self.is_read_only:
            return
        try:
            with replacing(self._folder / f"{name}.parquet") as temporary:
                pq.write_table(table, temporary, compression="zstd")
            for other in self._all.iterdir():
                if other.name != self._folder.name:
                    remove_tree(other, missing_ok=True)
        except (OSError, LetheError):
            return
