"""Cached tables that are computed from a sweep, valid as long as their inputs are the same.

Each has a file ``<name>.sha256`` with the SHA-256 of its bytes: a changed table counts as missing
and is recomputed.
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
    """Return the paths of damaged tables, relative to the sweep's folder.

    Raises
    ------
    RunError
        A table cannot be read.
    """
    found = []
    for key in (f"{kind}/{key}" for kind in (TABLES, MAPS) for key in child_names(derived / kind)):
        for name in child_names(derived / key):
            if name.endswith(_TABLE) and not name.startswith(TEMPORARY):
                path = derived / key / name
                try:
                    # A table without digest is of an older Lethe and not damaged.
                    if is_file(_digest_path(path)) and _intact_content(path) is None:
                        found.append(f"{derived.name}/{key}/{name}")
                except OSError as error:
                    raise unreadable(path, error) from error
    return found


def _intact_content(path: Location) -> bytes | None:
    """Return the content of a table; None if it is missing or damaged."""
    try:
        digest = _digest_path(path).read_text(encoding="ascii").strip()
        with locally(path) as here:
            content = here.read_bytes()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if hashlib.sha256(content).hexdigest() == digest else None


def _digest_path(path: Location) -> Location:
    return path.with_name(path.name.removesuffix(_TABLE) + _DIGEST)


class DerivedTables:
    """``derived/<kind>/<key>/``: ``key`` identifies all inputs of the tables of a kind.

    A cache that cannot be written stores nothing and raises nothing. Read-only, only stored tables
    are returned.
    """

    def __init__(
        self, derived: Location, key: str, *, kind: str = TABLES, is_read_only: bool = False
    ) -> None:
        self.is_read_only = is_read_only
        self._all = derived / kind
        self._folder = self._all / key

    def get(self, name: str) -> pa.Table | None:
        """Read a table; None if it is missing or damaged."""
        try:
            content = _intact_content(self._folder / f"{name}{_TABLE}")
            return None if content is None else read_whole(pa.BufferReader(content))
        except (OSError, LetheError, pa.ArrowException):
            return None

    def has(self, name: str) -> bool:
        """Return whether a table is stored."""
        try:
            return is_file(self._folder / f"{name}{_TABLE}")
        except OSError:
            return False

    def put(self, name: str, table: pa.Table) -> None:
        """Store a table and remove those of other keys."""
        if self.is_read_only:
            return
        try:
            path = self._folder / f"{name}{_TABLE}"
            with replacing(path) as temporary:
                pq.write_table(table, temporary, compression="zstd")
                # The digest first: it is harmless alone, a table without it is not.
                with replacing(_digest_path(path)) as digest:
                    digest.write_text(f"{sha256(temporary)}\n", encoding="ascii")
            for other in self._all.iterdir():
                if other.name != self._folder.name:
                    remove_tree(other, missing_ok=True)
        except (OSError, LetheError):
            return
