"""The cache on disk: the only module that knows file names, and the only one that writes them."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from analysis import schema
from analysis.atomic import TEMPORARY, replacing, sha256
from analysis.config import check_sweep_name
from analysis.errors import CacheError, RunError, UserError
from analysis.manifest import FileRecord, Manifest

_MANIFEST = "manifest.json"
_IMAGES = "images.parquet"
_LOCK = ".lock"
_RUN_METADATA = b"lethe.run"


@dataclass(frozen=True)
class Population:
    """All runs of one variant: ``seeds`` (K) and named columns, each an array [K, N]."""

    variant_id: str
    seeds: tuple[int, ...]
    columns: dict[str, npt.NDArray[Any]]

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        """Return one column, [K, N]."""
        return self.columns[column]

    @property
    def prediction(self) -> npt.NDArray[Any]:
        """Predicted classes, [K, N]."""
        return self.columns[schema.PREDICTION]


class SweepFolder:
    """One sweep of the cache, ``cache/<sweep>/``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    # --- names ------------------------------------------------------------------------------
    @property
    def derived(self) -> Path:
        """The folder of what can be computed again."""
        return self.path / "derived"

    def prediction_path(self, variant_id: str, seed: int) -> Path:
        """Return the file of one run's predictions."""
        return self.path / "predictions" / variant_id / f"seed-{seed}.parquet"

    def weights_path(self, variant_id: str, seed: int) -> Path:
        """Return the file of one trained run's weights."""
        return self.path / "weights" / variant_id / f"seed-{seed}.safetensors"

    def relative(self, path: Path) -> str:
        """Name a file of the sweep the way the manifest does."""
        return path.relative_to(self.path).as_posix()

    # --- manifest ---------------------------------------------------------------------------
    @property
    def exists(self) -> bool:
        """Whether the sweep has a manifest."""
        return (self.path / _MANIFEST).is_file()

    def manifest_text(self) -> str:
        """Return the manifest's text: what every cache of derived results is keyed by."""
        try:
            return (self.path / _MANIFEST).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise CacheError(f"{self.path} holds no {_MANIFEST}: it is no sweep") from None
        except (OSError, UnicodeDecodeError) as error:
            raise CacheError(f"{self.path / _MANIFEST} cannot be read: {error}") from error

    def manifest(self) -> Manifest:
        """Read the manifest."""
        return Manifest.from_json(self.manifest_text(), str(self.path / _MANIFEST))

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest atomically, stamped with the time."""
        manifest.updated = datetime.now(UTC).isoformat(timespec="seconds")
        manifest.created = manifest.created or manifest.updated
        with replacing(self.path / _MANIFEST) as temporary:
            temporary.write_text(manifest.to_json(), encoding="utf-8")

    # --- writing ----------------------------------------------------------------------------
    def write_images(self, table: pa.Table) -> FileRecord:
        """Write ``images.parquet`` atomically."""
        return self._write_table(self.path / _IMAGES, table)

    def write_predictions(
        self, variant_id: str, seed: int, table: pa.Table, measured: dict[str, Any]
    ) -> FileRecord:
        """Write one run's predictions atomically, with what was measured of its model."""
        metadata = {_RUN_METADATA: json.dumps(measured, sort_keys=True).encode()}
        return self._write_table(
            self.prediction_path(variant_id, seed), table.replace_schema_metadata(metadata)
        )

    def write_bytes(self, path: Path, content: bytes) -> FileRecord:
        """Write a file atomically."""
        with replacing(path) as temporary:
            temporary.write_bytes(content)
        return self.record(path)

    def _write_table(self, path: Path, table: pa.Table) -> FileRecord:
        with replacing(path) as temporary:
            pq.write_table(table, temporary, row_group_size=schema.ROW_GROUP, compression="zstd")
        return self.record(path, rows=table.num_rows)

    def record(self, path: Path, rows: int | None = None) -> FileRecord:
        """Describe a file as it lies on disk."""
        return FileRecord(sha256=sha256(path), size=path.stat().st_size, rows=rows)

    def adopt(self, variant_id: str, seed: int) -> tuple[FileRecord, dict[str, Any]] | None:
        """Describe a finished run that the manifest does not know yet; None where there is none."""
        path = self.prediction_path(variant_id, seed)
        if not path.is_file():
            return None
        try:
            metadata = pq.read_metadata(path)
            measured = json.loads((metadata.metadata or {}).get(_RUN_METADATA, b"{}"))
        except (pa.ArrowException, OSError, ValueError):
            return None
        return self.record(path, rows=metadata.num_rows), measured

    def is_intact(self, relative: str, record: FileRecord) -> bool:
        """Whether a file lies there with the size it was written with (a cheap check)."""
        path = self.path / relative
        return path.is_file() and path.stat().st_size == record.size

    # --- reading ----------------------------------------------------------------------------
    def read_images(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Read ``images.parquet``, or some of its columns."""
        return self._read_table(self.path / _IMAGES, columns)

    def image_columns(self) -> list[str]:
        """Name the columns of ``images.parquet``."""
        path = self.path / _IMAGES
        try:
            return list(pq.read_schema(path).names)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(path, error) from error

    def read_population(
        self, variant_id: str, columns: Sequence[str], seeds: Sequence[int], n_images: int
    ) -> Population:
        """Read columns of the runs of one variant as arrays [K, N]; nulls become NaN or 0.

        Raises
        ------
        CacheError
            A file is missing, damaged, or has not one row an image.
        """
        files = [self.prediction_path(variant_id, seed) for seed in seeds]
        with ThreadPoolExecutor() as pool:
            tables = list(pool.map(lambda path: self._read_table(path, columns), files))
        for path, table in zip(files, tables, strict=True):
            if table.num_rows != n_images:
                raise CacheError(
                    f"{path} has {table.num_rows} rows where the sweep has {n_images} images; "
                    "run the same sweep again to make it anew"
                )
        arrays = {
            name: np.stack([table[name].to_numpy() for table in tables])
            for name in (columns if tables else ())
        }
        return Population(variant_id, tuple(seeds), arrays)

    def _read_table(self, path: Path, columns: Sequence[str] | None = None) -> pa.Table:
        try:
            return pq.read_table(
                path, columns=list(columns) if columns else None, partitioning=None
            )
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(path, error) from error

    def _damaged(self, path: Path, error: Exception) -> CacheError:
        state = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
        return CacheError(
            f"{path} {state}; 'python -m analysis verify {self.name}' lists what is wrong, and "
            "the same sweep started again makes the missing runs anew"
        )

    # --- housekeeping -----------------------------------------------------------------------
    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the sweep for writing.

        Raises
        ------
        UserError
            Another process is writing to it.
        """
        lock = filelock.FileLock(self.path / _LOCK, timeout=1)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except filelock.Timeout:
            raise UserError(
                f"sweep '{self.name}' is being written by another process; wait for it, or give "
                "this one another --name"
            ) from None
        except OSError as error:
            raise RunError(
                f"the cache {self.path.parent} cannot be written: {error.strerror or error}"
            ) from error
        try:
            yield
        finally:
            lock.release()

    @property
    def is_running(self) -> bool:
        """Whether a process holds the sweep for writing now."""
        if not (self.path / _LOCK).exists():
            return False
        lock = filelock.FileLock(self.path / _LOCK, timeout=0)
        try:
            with lock:
                return False
        except filelock.Timeout:
            return True
        except OSError:
            return False

    def sweep_leftovers(self) -> None:
        """Remove what a killed process left half-written. Call it while the sweep is locked."""
        for path in self.path.rglob(f"{TEMPORARY}*"):
            path.unlink(missing_ok=True)

    def verify(self) -> list[str]:
        """Hold every file against the manifest; return what is wrong, a line each."""
        manifest = self.manifest()
        problems = []
        for relative, record in manifest.files.items():
            path = self.path / relative
            if not path.is_file():
                problems.append(f"missing: {relative}")
            elif sha256(path) != record.sha256:
                problems.append(f"damaged: {relative} (its SHA-256 is not the manifest's)")
        for variant_id, seed, run in manifest.all_runs():
            relative = self.relative(self.prediction_path(variant_id, seed))
            if run.state == "done" and relative not in manifest.files:
                problems.append(f"unlisted: {relative} (done, but not in the manifest's files)")
        for path in sorted(self.path.rglob("*")):
            relative = self.relative(path)
            own = relative in (_MANIFEST, _LOCK) or relative in manifest.files
            if path.is_file() and not own and not path.is_relative_to(self.derived):
                problems.append(f"foreign: {relative} (not in the manifest)")
        return problems

    def size_bytes(self) -> int:
        """Bytes of all files of the sweep."""
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())


class Cache:
    """The folder of sweeps."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def sweep(self, name: str) -> SweepFolder:
        """Return a sweep's folder, there already or not."""
        return SweepFolder(self.root / check_sweep_name(name))

    def existing(self, name: str) -> SweepFolder:
        """Return the folder of a sweep that must exist.

        Raises
        ------
        UserError
            There is none of that name; the message lists those there are.
        """
        sweep = self.sweep(name)
        if not sweep.exists:
            known = ", ".join(self.names()) or "none yet; 'python -m analysis demo' makes one"
            raise UserError(f"no sweep '{name}' in {self.root}; there: {known}")
        return sweep

    def names(self) -> list[str]:
        """Name the sweeps of the cache, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(p.parent.name for p in self.root.glob(f"*/{_MANIFEST}") if p.is_file())

    def rename(self, old: str, new: str) -> None:
        """Give a sweep another name."""
        source, target = self.existing(old), self.sweep(new)
        if target.path.exists():
            raise UserError(f"'{new}' is there already in {self.root}; choose another name")
        with source.locked():
            manifest = source.manifest()
        os.replace(source.path, target.path)
        manifest.name = new
        target.write_manifest(manifest)

    def remove(self, name: str) -> None:
        """Delete a sweep and all its files."""
        sweep = self.existing(name)
        with sweep.locked():
            pass
        shutil.rmtree(sweep.path)
