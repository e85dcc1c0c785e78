"""The folder of one sweep: its file names, atomic writing, checked reading, verification."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from analysis import schema
from analysis.errors import CacheError, DamageError, LetheError
from analysis.filesystem import Location, atomic, lock
from analysis.filesystem.atomic import is_file, replacing, sha256
from analysis.store import publishing, tags
from analysis.store.annotations import FOLDER as ANNOTATIONS
from analysis.store.annotations import Annotations
from analysis.store.checking import Guard, problems, remove_leftovers
from analysis.store.derived import damaged
from analysis.store.manifest import FileRecord, Manifest, read_header
from analysis.store.parquet import (
    Population,
    Rows,
    column_names,
    read_in_order,
    read_same_row,
    read_stacked,
    read_table,
)

MANIFEST = publishing.MANIFEST
PREDICTIONS = "predictions"
_IMAGES = "images.parquet"
_SHIFTS = "shifts"
_DERIVED = "derived"
_RUN_METADATA = b"lethe.run"
T = TypeVar("T")


class SweepFolder:
    """One sweep of the cache, ``cache/<sweep>/``; a read-only one stores no derived tables."""

    def __init__(
        self, path: Location, *, is_read_only: bool = False, held: Manifest | None = None
    ) -> None:
        self.path = path
        self.is_read_only = is_read_only
        self.name = path.name
        self._guard = Guard(path, self.manifest, held)
        self.cut_off: publishing.Note | None = None
        self._check_held: Callable[[], None] | None = None

    # --- names ------------------------------------------------------------------------------
    @property
    def derived(self) -> Location:
        """The folder of derived, recomputable files."""
        return self.path / _DERIVED

    def images_path(self, shift: str | None = None) -> Location:
        """Return the file of the test images or of a natural shift's images."""
        return self._of(shift) / _IMAGES

    def prediction_path(self, variant_id: str, seed: int, *, shift: str | None = None) -> Location:
        """Return the file of one run's predictions, on the test images or on a shift."""
        return self._of(shift) / PREDICTIONS / variant_id / f"seed-{seed}.parquet"

    def _of(self, shift: str | None) -> Location:
        return self.path if shift is None else self.path / _SHIFTS / shift

    def weights_path(self, variant_id: str, seed: int) -> Location:
        """Return the file of one trained run's weights."""
        return self.path / "weights" / variant_id / f"seed-{seed}.safetensors"

    @property
    def annotations(self) -> Annotations:
        """The human studies."""
        return Annotations(self.path)

    @property
    def marks(self) -> tags.Marks:
        """The tags, slices and views of users."""
        return tags.Marks(self.path)

    def relative(self, path: Location) -> str:
        """Return the name of a file in the manifest."""
        return atomic.relative(path, self.path)

    # --- manifest ---------------------------------------------------------------------------
    @property
    def exists(self) -> bool:
        """Whether the sweep has a manifest."""
        return publishing.exists(self.path)

    def stamp(self) -> str:
        """Return a stamp that changes with the manifest, empty without one."""
        try:
            return atomic.stamp(publishing.manifest_path(self.path))
        except LetheError as error:
            return f"{error}"  # reported by the reader

    def manifest_text(self) -> str:
        """Return the manifest's text, the key of all derived results."""
        try:
            return publishing.read_manifest(self.path)
        except FileNotFoundError:
            raise CacheError(f"{self.path} has no {MANIFEST}: it is not a sweep") from None
        except UnicodeDecodeError as error:
            raise DamageError(f"{self.path / MANIFEST} is damaged: {error}") from error
        except OSError as error:
            raise atomic.unreadable(self.path / MANIFEST, error) from error

    def manifest(self) -> Manifest:
        """Read the manifest; the sweep's name is that of its folder."""
        read = Manifest.from_json(self.manifest_text(), str(self.path / MANIFEST))
        read.name = self.name
        return read

    def resting_on(self, manifest: Manifest) -> "SweepFolder":
        """Return the folder for a reader of one manifest, which refuses files of a later one."""
        return SweepFolder(self.path, is_read_only=self.is_read_only, held=manifest)

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest atomically, with the time."""
        self.stamp_manifest(manifest)
        with replacing(self.path / MANIFEST) as temporary:
            temporary.write_text(manifest.to_json(), encoding="utf-8")

    def stamp_manifest(self, manifest: Manifest) -> None:
        """Set the manifest's times of creation and change."""
        if self._check_held is not None:
            self._check_held()
        manifest.updated = datetime.now(UTC).isoformat(timespec="seconds")
        manifest.created = manifest.created or manifest.updated

    # --- writing ----------------------------------------------------------------------------
    def write_images(self, table: pa.Table, *, shift: str | None = None) -> FileRecord:
        """Write ``images.parquet`` atomically."""
        return _write_table(self.images_path(shift), table, schema.IMAGE_ROW_GROUP)

    def write_images_in_blocks(self, layout: pa.Schema, blocks: Iterable[pa.Table]) -> FileRecord:
        """Write ``images.parquet`` atomically, block by block."""
        with replacing(self.images_path()) as temporary:
            options: dict[str, Any] = {"compression": "zstd", "write_statistics": [schema.IMAGE_ID]}
            with pq.ParquetWriter(temporary, layout, **options) as writer:
                rows = 0
                for block in blocks:
                    writer.write_table(block, row_group_size=schema.IMAGE_ROW_GROUP)
                    rows += block.num_rows
            return _record(temporary, rows=rows)

    def write_predictions(
        self,
        variant_id: str,
        seed: int,
        table: pa.Table,
        measured: dict[str, Any],
        *,
        shift: str | None = None,
    ) -> FileRecord:
        """Write one run's predictions atomically, with the measurements of its model."""
        metadata = {_RUN_METADATA: json.dumps(measured, sort_keys=True).encode()}
        return _write_table(
            self.prediction_path(variant_id, seed, shift=shift),
            table.replace_schema_metadata(metadata),
        )

    def write_bytes(self, path: Location, content: bytes) -> FileRecord:
        """Write a file atomically."""
        with replacing(path) as temporary:
            temporary.write_bytes(content)
            return _record(temporary)

    def record(self, path: Location, rows: int | None = None) -> FileRecord:
        """Return the record of an existing file."""
        return _record(path, rows)

    def adopt(
        self, variant_id: str, seed: int, *, shift: str | None = None
    ) -> tuple[FileRecord, dict[str, Any]] | None:
        """Return record and measurements of an unlisted run; None without its file."""
        path = self.prediction_path(variant_id, seed, shift=shift)
        if not is_file(path):
            return None
        try:
            with atomic.readable(path) as source:
                metadata = pq.read_metadata(source)
            measured = json.loads((metadata.metadata or {}).get(_RUN_METADATA, b"{}"))
        except (pa.ArrowException, OSError, ValueError):
            return None
        return self.record(path, rows=metadata.num_rows), measured

    # --- reading ----------------------------------------------------------------------------
    def read_images(
        self, columns: Sequence[str] | None = None, *, shift: str | None = None
    ) -> pa.Table:
        """Read ``images.parquet``, or some of its columns."""
        path = self.images_path(shift)
        return self._guard.reading([path], lambda at: read_in_order(at[0], self.name, columns))

    def read_listed(self, path: Location) -> pa.Table:
        """Read another table of the sweep than predictions and images."""
        return self._guard.reading([path], lambda at: read_table(at[0], self.name))

    def image_rows(self, columns: Sequence[str]) -> Rows:
        """Open columns of ``images.parquet`` for random access by ``image_id``."""
        return Rows(lambda: self._guard.location_of(self.images_path()), self.name, columns)

    def image_columns(self) -> list[str]:
        """Return the column names of ``images.parquet``."""
        return self._guard.reading([self.images_path()], lambda at: column_names(at[0], self.name))

    def read_checked(self, path: Location, read: Callable[[Location], T]) -> T:
        """Check a file against the manifest, then read it."""
        return self._guard.reading([path], lambda at: read(at[0]))

    def unhashed(self) -> list[str]:
        """Return the opened large files that are still being checked against the manifest."""
        return self._guard.unhashed()

    def read_population(
        self,
        variant_id: str,
        columns: Sequence[str],
        seeds: Sequence[int],
        n_images: int,
        *,
        shift: str | None = None,
    ) -> Population:
        """Read columns of the runs of one variant as arrays [K, N]; nulls become NaN or 0.

        Raises
        ------
        CacheError
            A file is missing, damaged, or has not one row per image.
        """
        paths = [self.prediction_path(variant_id, seed, shift=shift) for seed in seeds]
        arrays = self._guard.reading(
            paths, lambda locations: read_stacked(locations, columns, n_images, self.name)
        )
        return Population(variant_id, tuple(seeds), arrays)

    def read_image_of_runs(
        self, runs: Sequence[tuple[str, int]], columns: Sequence[str], image_id: int
    ) -> list[dict[str, Any]]:
        """Read columns of one image from (variant, seed) runs, one mapping a run.

        Raises
        ------
        CacheError
            A file is missing or damaged, or lacks the image.
        """
        paths = [self.prediction_path(variant_id, seed) for variant_id, seed in runs]
        return self._guard.reading(
            paths, lambda locations: read_same_row(locations, columns, image_id, self.name)
        )

    # --- housekeeping -----------------------------------------------------------------------
    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the sweep for writing; finish interrupted changes and remove partial files.

        Raises
        ------
        UserError
            Another process is writing to it.
        """
        with lock.held(self.path) as check:
            self._check_held = check
            try:
                self.cut_off = publishing.finish(self.path)
                remove_leftovers(self.path, but=(_DERIVED, ANNOTATIONS, tags.FOLDER))
                self._update_manifest()
                yield
            finally:
                self._check_held = None

    def _update_manifest(self) -> None:
        """Rewrite a manifest of an older schema version or another name; leave a damaged one."""
        with suppress(CacheError):
            header = read_header(self.manifest_text())
            if header is not None and (
                header.schema_version < schema.SCHEMA_VERSION or header.name != self.name
            ):
                current = self.manifest()
                with replacing(self.path / MANIFEST) as temporary:
                    temporary.write_text(current.to_json(), encoding="utf-8")

    def was_called(self, name: str) -> bool:
        """Return whether the manifest still has the folder's former name."""
        header = read_header(self.manifest_text())
        return header is not None and header.name == name != self.name

    @property
    def is_running(self) -> bool:
        """Whether a process holds the write lock now."""
        return lock.is_held(self.path)

    def verify(self) -> list[str]:
        """Compare every file with the manifest; return the problems, one line each."""
        manifest = self.manifest()
        done, not_recorded = set[str](), set[str]()
        for variant_id, seed, run in manifest.all_runs():
            path = self.relative(self.prediction_path(variant_id, seed))
            if run.state == "done":
                done.add(path)
            else:
                # Written but not in the manifest yet: starting the sweep again adopts them.
                not_recorded |= {path, self.relative(self.weights_path(variant_id, seed))}
            for shift in manifest.shifts:
                path = self.relative(self.prediction_path(variant_id, seed, shift=shift.name))
                (done if seed in shift.done.get(variant_id, ()) else not_recorded).add(path)
        own = {MANIFEST, lock.LOCK, lock.LEASE, publishing.REMOVED} | not_recorded
        ignored = (_DERIVED, ANNOTATIONS, tags.FOLDER, publishing.FOLDER)
        found = problems(self.path, self.sizes(), manifest, sorted(done), own=own, ignored=ignored)
        found += [
            f"damaged: {name} (changed since it was written; it is recomputed when next needed)"
            for name in damaged(self.derived)
        ]
        return found + self.annotations.problems()

    def sizes(self) -> dict[str, int]:
        """Return the bytes of every file by name; below links only of listed files."""
        found = publishing.all_sizes(self.path)
        if isinstance(self.path, Path) and any(one.is_symlink() for one in self.path.iterdir()):
            with suppress(CacheError):
                for name in self.manifest().files.keys() - found.keys():
                    if is_file(self.path / name):
                        found[name] = atomic.size(self.path / name)
        return found


def _write_table(path: Location, table: pa.Table, row_group: int = schema.ROW_GROUP) -> FileRecord:
    with replacing(path) as temporary:
        # Statistics of every column would enlarge the footer of many small groups.
        pq.write_table(
            table,
            temporary,
            row_group_size=row_group,
            compression="zstd",
            write_statistics=[schema.IMAGE_ID],
        )
        return _record(temporary, rows=table.num_rows)


def _record(path: Location, rows: int | None = None) -> FileRecord:
    return FileRecord(sha256=sha256(path), size=atomic.size(path), rows=rows)
