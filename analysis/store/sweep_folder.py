"""The folder of one sweep: names of its files, writing them whole, reading and verifying them."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analysis import schema
from analysis.errors import CacheError
from analysis.filesystem import Location, atomic, lock
from analysis.filesystem.atomic import links_out, replacing, sha256, sizes
from analysis.filesystem.connection import TEMPORARY
from analysis.store import tags
from analysis.store.annotations import FOLDER as ANNOTATIONS
from analysis.store.annotations import Annotations
from analysis.store.manifest import FileRecord, Manifest, schema_version
from analysis.store.parquet import (
    Population,
    Rows,
    column_names,
    read_same_row,
    read_stacked,
    read_table,
)


def problems(
    folder: Location,
    manifest: Manifest,
    done: Collection[str],
    *,
    own: Collection[str],
    beside: Collection[str],
) -> list[str]:
    """Say what is wrong, a line each: files missing, damaged, unlisted or foreign, links out.

    Parameters
    ----------
    folder : Location
        The sweep's folder.
    manifest : Manifest
        What should lie in it.
    done : collection of str
        Files of the runs that are done.
    own : collection of str
        Files that belong to every sweep, besides.
    beside : collection of str
        Folders that are passed over: what can be computed again, and what people keep.
    """
    there = sizes(folder)
    found = [f"link: {relative} (leads out of the sweep)" for relative in links_out(folder)]
    for relative, record in manifest.files.items():
        if relative not in there:
            found.append(f"missing: {relative}")
        elif there[relative] != record.size or sha256(folder / relative) != record.sha256:
            found.append(f"damaged: {relative} (its SHA-256 is not the manifest's)")
    for relative in done:
        if relative not in manifest.files:
            found.append(f"unlisted: {relative} (done, but not in the manifest's files)")
    for relative in sorted(there.keys() - manifest.files.keys() - set(own)):
        if relative.partition("/")[0] not in beside:
            found.append(f"foreign: {relative} (not in the manifest)")
    return found


def remove_leftovers(folder: Location) -> None:
    """Remove every file that a killed process left half-written."""
    for relative in sizes(folder):
        if relative.rpartition("/")[2].startswith(TEMPORARY):
            (folder / relative).unlink(missing_ok=True)


MANIFEST = "manifest.json"
PREDICTIONS = "predictions"
_IMAGES = "images.parquet"
_SHIFTS = "shifts"
_DERIVED = "derived"
_RUN_METADATA = b"lethe.run"


class SweepFolder:
    """One sweep of the cache, ``cache/<sweep>/``; of a read-only one nothing derived is kept."""

    def __init__(self, path: Location, *, is_read_only: bool = False) -> None:
        self.path = path
        self.is_read_only = is_read_only
        self.name = path.name
        self._check_held: Callable[[], None] | None = None

    # --- names ------------------------------------------------------------------------------
    @property
    def derived(self) -> Location:
        """The folder of what can be computed again."""
        return self.path / _DERIVED

    def images_path(self, shift: str | None = None) -> Location:
        """Return the file of the test images, or of those of a natural shift."""
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
        """The studies of people."""
        return Annotations(self.path)

    @property
    def marks(self) -> tags.Marks:
        """The tags and views that people keep."""
        return tags.Marks(self.path)

    def relative(self, path: Location) -> str:
        """Name a file of the sweep the way the manifest does."""
        return atomic.relative(path, self.path)

    # --- manifest ---------------------------------------------------------------------------
    @property
    def exists(self) -> bool:
        """Whether the sweep has a manifest."""
        return (self.path / MANIFEST).is_file()

    def stamp(self) -> str:
        """Tell one state of the sweep from another, unread; empty where it has no manifest."""
        return atomic.stamp(self.path / MANIFEST)

    def manifest_text(self) -> str:
        """Return the manifest's text: what every cache of derived results is keyed by."""
        try:
            return (self.path / MANIFEST).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise CacheError(f"{self.path} holds no {MANIFEST}: it is no sweep") from None
        except (OSError, UnicodeDecodeError) as error:
            raise CacheError(f"{self.path / MANIFEST} cannot be read: {error}") from error

    def manifest(self) -> Manifest:
        """Read the manifest."""
        return Manifest.from_json(self.manifest_text(), str(self.path / MANIFEST))

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest atomically, stamped with the time."""
        if self._check_held is not None:
            self._check_held()
        manifest.updated = datetime.now(UTC).isoformat(timespec="seconds")
        manifest.created = manifest.created or manifest.updated
        with replacing(self.path / MANIFEST) as temporary:
            temporary.write_text(manifest.to_json(), encoding="utf-8")

    # --- writing ----------------------------------------------------------------------------
    def write_images(self, table: pa.Table, *, shift: str | None = None) -> FileRecord:
        """Write ``images.parquet`` atomically."""
        return _write_table(self.images_path(shift), table, schema.IMAGE_ROW_GROUP)

    def write_images_in_blocks(self, layout: pa.Schema, blocks: Iterable[pa.Table]) -> FileRecord:
        """Write ``images.parquet`` atomically, block after block."""
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
        """Write one run's predictions atomically, with what was measured of its model."""
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
        """Describe a file as it lies there."""
        return _record(path, rows)

    def adopt(
        self, variant_id: str, seed: int, *, shift: str | None = None
    ) -> tuple[FileRecord, dict[str, Any]] | None:
        """Describe a finished run that the manifest does not know yet; None where there is none."""
        path = self.prediction_path(variant_id, seed, shift=shift)
        if not path.is_file():
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
        return read_table(self.images_path(shift), self.name, columns)

    def image_rows(self, columns: Sequence[str]) -> Rows:
        """Open columns of ``images.parquet`` to read single images from, by ``image_id``."""
        return Rows(self.images_path(), self.name, columns)

    def image_columns(self) -> list[str]:
        """Name the columns of ``images.parquet``."""
        return column_names(self.path / _IMAGES, self.name)

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
            A file is missing, damaged, or has not one row an image.
        """
        paths = [self.prediction_path(variant_id, seed, shift=shift) for seed in seeds]
        arrays = read_stacked(paths, columns, n_images, self.name)
        return Population(variant_id, tuple(seeds), arrays)

    def read_image_of_runs(
        self, variant_id: str, columns: Sequence[str], seeds: Sequence[int], image_id: int
    ) -> list[dict[str, Any]]:
        """Read columns of one image from the runs of one variant, one mapping a run.

        Raises
        ------
        CacheError
            A file is missing or damaged, or has no such image.
        """
        paths = [self.prediction_path(variant_id, seed) for seed in seeds]
        return read_same_row(paths, columns, image_id, self.name)

    # --- housekeeping -----------------------------------------------------------------------
    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the sweep for writing.

        Raises
        ------
        UserError
            Another process is writing to it.
        """
        with lock.held(self.path) as check:
            self._check_held = check
            try:
                self._migrate()
                yield
            finally:
                self._check_held = None

    def _migrate(self) -> None:
        """Rewrite the manifest of an older schema version; one that is damaged stays as it is."""
        with suppress(CacheError):
            text = self.manifest_text()
            if (schema_version(text) or schema.SCHEMA_VERSION) < schema.SCHEMA_VERSION:
                migrated = Manifest.from_json(text, str(self.path / MANIFEST))
                with replacing(self.path / MANIFEST) as temporary:
                    temporary.write_text(migrated.to_json(), encoding="utf-8")

    @property
    def is_running(self) -> bool:
        """Whether a process holds the sweep for writing now."""
        return lock.is_held(self.path)

    def sweep_leftovers(self) -> None:
        """Remove what a killed process left half-written. Call it while the sweep is locked."""
        remove_leftovers(self.path)

    def verify(self) -> list[str]:
        """Hold every file against the manifest; return what is wrong, a line each."""
        manifest = self.manifest()
        done = [
            self.relative(self.prediction_path(variant_id, seed))
            for variant_id, seed, run in manifest.all_runs()
            if run.state == "done"
        ] + [
            self.relative(self.prediction_path(variant_id, seed, shift=shift.name))
            for shift in manifest.shifts
            for variant_id, seeds in shift.done.items()
            for seed in seeds
        ]
        own = {MANIFEST, lock.LOCK, lock.LEASE}
        beside = (_DERIVED, ANNOTATIONS, tags.FOLDER)
        found = problems(self.path, manifest, done, own=own, beside=beside)
        return found + self.annotations.problems()

    def sizes(self) -> dict[str, int]:
        """Bytes of every file of the sweep, by its name in the manifest."""
        return atomic.sizes(self.path)


def _write_table(path: Location, table: pa.Table, row_group: int = schema.ROW_GROUP) -> FileRecord:
    with replacing(path) as temporary:
        # Statistics of every column would make the footer of many small groups long to read.
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
