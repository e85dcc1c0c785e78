"""Tables that can be computed again, kept on disk for as long as what they rest on is the same.

Beside each lies the SHA-256 of its bytes, ``<name>.sha256``: a table that is not what was written
is as good as none, and is computed anew.
"""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.errors import LetheError
from analysis.filesystem import Location
from analysis.filesystem.atomic import (
    child_names,
    is_file,
    remove_tree,
    replacing,
    sha256,
    unreadable,
)
from analysis.filesystem.connection import TEMPORARY
from analysis.filesystem.copies import locally
from analysis.store.parquet import read_whole

TABLES, MAPS = "tables", "maps"
_TABLE = ".parquet"
_DIGEST = ".sha256"


def damaged(derived: Location) -> list[str]:
    """Name the tables that are not what was written, as seen from the sweep's folder.

    Raises
    ------
    RunError
        One cannot be read.
    """
    found = []
    for key in (f"{kind}/{key}" for kind in (TABLES, MAPS) for key in child_names(derived / kind)):
        for name in child_names(derived / key):
            if name.endswith(_TABLE) and not name.startswith(TEMPORARY):
                path = derived / key / name
                try:
                    # One of an older Lethe has no digest, and is made anew without being damaged.
                    if is_file(_beside(path)) and _written(path) is None:
                        found.append(f"{derived.name}/{key}/{name}")
                except OSError as error:
                    raise unreadable(path, error) from error
    return found


def _written(path: Location) -> bytes | None:
    """Content of a table; None where it is not there, or not what was written."""
    try:
        said = _beside(path).read_text(encoding="ascii").strip()
        with locally(path) as here:
            content = here.read_bytes()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if hashlib.sha256(content).hexdigest() == said else None


def _beside(path: Location) -> Location:
    return path.with_name(path.name.removesuffix(_TABLE) + _DIGEST)


class DerivedTables:
    """``derived/<kind>/<key>/``: ``key`` stands for everything that tables of a kind rest on.

    A cache that cannot be written to keeps nothing, and says nothing of it. A read-only shelf gives
    what is there, and is not added to.
    """

    def __init__(
        self, derived: Location, key: str, *, kind: str = TABLES, is_read_only: bool = False
    ) -> None:
        self.is_read_only = is_read_only
        self._all = derived / kind
        self._folder = self._all / key

    def get(self, name: str) -> pa.Table | None:
        """Read a table; None where it is not there, or not what was written."""
        try:
            content = _written(self._folder / f"{name}{_TABLE}")
            return None if content is None else read_whole(pa.BufferReader(content))
        except (OSError, LetheError, pa.ArrowException):
            return None

    def has(self, name: str) -> bool:
        """Whether a table of that name is there."""
        try:
            return is_file(self._folder / f"{name}{_TABLE}")
        except OSError:
            return False

    def put(self, name: str, table: pa.Table) -> None:
        """Keep a table; those of other keys are of no use any more and are removed."""
        if self.is_read_only:
            return
        try:
            path = self._folder / f"{name}{_TABLE}"
            with replacing(path) as temporary:
                pq.write_table(table, temporary, compression="zstd")
                # First: a table without its digest would be no good, a digest alone is no harm.
                with replacing(_beside(path)) as digest:
                    digest.write_text(f"{sha256(temporary)}\n", encoding="ascii")
            for other in self._all.iterdir():
                if other.name != self._folder.name:
                    remove_tree(other, missing_ok=True)
        except (OSError, LetheError):
            return
