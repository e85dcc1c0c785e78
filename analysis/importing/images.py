"""The known images of an import, from a dataset or the sweep to extend, and their table."""

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.datasets import open_dataset
from analysis.datasets.base import Dataset, Split
from analysis.datasets.decode import UnusableImageError
from analysis.datasets.preprocess import thumbnail_row
from analysis.errors import UserError
from analysis.importing.classes import KnownClasses
from analysis.store import SweepFolder
from analysis.store.matching import with_columns

GIVEN_ID = f"{schema.META_PREFIX}{schema.IMAGE_ID}"
_BLOCK = 1024
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Known:
    """Known images: class names, labels (N,), paths and ids.

    They are of a sweep (``is_sweep``) or of a dataset; all are expected if ``is_fixed``. ``parts``
    are their splits in order, none for a sweep. ``ids`` are the ids of the files, if not indices.
    """

    what: str
    class_names: tuple[str, ...]
    label: npt.NDArray[np.int32]
    paths: list[str] | None
    parts: tuple[Split, ...] = ()
    fingerprint: str = ""
    ids: npt.NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()
    is_sweep: bool = False
    is_fixed: bool = False

    @property
    def classes(self) -> KnownClasses:
        """Their class names and their source."""
        return KnownClasses(self.class_names, self.what, is_sweep=self.is_sweep)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def tail(self) -> int | None:
        """Index of the first image of the second split; None without one."""
        return len(self.parts[0]) if len(self.parts) == 2 and not self.is_fixed else None

    def test_alone(self, note: str) -> "Known":
        """Keep only the last split."""
        start = self.tail or 0
        return replace(
            self,
            label=self.label[start:],
            paths=None if self.paths is None else self.paths[start:],
            parts=self.parts[-1:],
            notes=(*self.notes, note),
        )


def of_dataset(spec: str, split: str | None = None) -> Known:
    """Open a dataset: one split, or all images of an unsplit one, else both splits in order.

    Raises
    ------
    UserError
        The dataset cannot be opened.
    """
    dataset: Dataset = open_dataset(spec)
    parts = (dataset.train, dataset.test) if dataset.whole is None else (dataset.whole,)
    if split in ("train", "test"):
        parts = (dataset.train if split == "train" else dataset.test,)
    paths = None
    if all(part.paths is not None for part in parts):
        paths = [path for part in parts for path in part.paths or ()]
        if len(set(paths)) < len(paths):
            paths = None
    label = np.concatenate([part.labels for part in parts]).astype(np.int32)
    what = f"--images {spec}" if split in (None, "all") else f"--images {spec} --split {split}"
    return Known(
        what, dataset.class_names, label, paths, parts, dataset.fingerprint(),
        notes=dataset.notes, is_fixed=split is not None,
    )  # fmt: skip


def of_sweep(folder: SweepFolder, class_names: list[str]) -> Known:
    """Read the images of a sweep.

    Raises
    ------
    CacheError
        The images cannot be read.
    """
    names = [schema.LABEL, schema.PATH]
    has_ids = GIVEN_ID in folder.image_columns()
    table = folder.read_images([*names, GIVEN_ID] if has_ids else names)
    paths = None if table[schema.PATH].null_count else table[schema.PATH].to_pylist()
    ids = np.asarray(table[GIVEN_ID].to_numpy(), np.int64) if has_ids else None
    label = np.asarray(table[schema.LABEL].to_numpy(), np.int32)
    return Known(f"sweep '{folder.name}'", tuple(class_names), label, paths, ids=ids, is_sweep=True)


def picture_blocks(
    parts: tuple[Split, ...],
    keys: npt.NDArray[np.int64],
    label: npt.NDArray[np.int32],
    ids: npt.NDArray[np.int64] | None,
    on_progress: OnProgress,
) -> tuple[pa.Schema, Iterator[pa.Table], list[dict[str, str]]]:
    """Return layout and blocks of ``images.parquet`` with thumbnails, and unusable images.

    ``label`` is the class id of each of ``keys``. The list is filled while blocks are read.
    """
    ends = np.cumsum([len(part) for part in parts])
    starts = [0, *ends[:-1].tolist()]
    chosen = [
        part.take(keys[(keys >= start) & (keys < end)] - start)
        for part, start, end in zip(parts, starts, ends.tolist(), strict=True)
    ]
    metadata = _metadata(chosen)
    if ids is not None:
        metadata = pa.table({}) if metadata is None else metadata
        metadata = with_columns(metadata, pa.table({GIVEN_ID: pa.array(ids, pa.int64())}))
    layout = schema.images_schema(None if metadata is None else metadata.schema)
    unusable: list[dict[str, str]] = []
    return layout, _blocks(chosen, label, metadata, layout, unusable, on_progress), unusable


def _metadata(parts: list[Split]) -> pa.Table | None:
    tables = []
    for part in parts:
        if part.metadata is None or not len(part.metadata.columns):
            return None
        table = pa.Table.from_pandas(part.metadata, preserve_index=False)
        tables.append(table.replace_schema_metadata(None))
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException:
        return None


def _blocks(
    parts: list[Split],
    label: npt.NDArray[np.int32],
    metadata: pa.Table | None,
    layout: pa.Schema,
    unusable: list[dict[str, str]],
    on_progress: OnProgress,
) -> Iterator[pa.Table]:
    done = 0
    for part in parts:
        for start in range(0, len(part), _BLOCK):
            block = part.take(np.arange(start, min(start + _BLOCK, len(part))))
            rows = _thumbnails(block, done, unusable)
            columns = {
                schema.IMAGE_ID: np.arange(done, done + len(block), dtype=np.int32),
                schema.LABEL: label[done : done + len(block)],
                schema.PATH: [None] * len(block) if block.paths is None else list(block.paths),
                schema.WIDTH: [row.get(schema.WIDTH) for row in rows],
                schema.HEIGHT: [row.get(schema.HEIGHT) for row in rows],
                schema.IMAGE: [
                    {"bytes": row["bytes"], "path": None} if row else None for row in rows
                ],
            }
            if metadata is not None:
                taken = metadata.slice(done, len(block))
                columns |= {name: taken[name].combine_chunks() for name in taken.column_names}
            done += len(block)
            on_progress(done, len(label))
            arrays = [pa.array(columns[field.name], type=field.type) for field in layout]
            yield pa.table(arrays, schema=layout)


def _thumbnails(
    block: Split, first: int, unusable: list[dict[str, str]]
) -> list[dict[str, object]]:
    def row(index: int) -> dict[str, object] | str:
        try:
            return thumbnail_row(block.images[index])
        except UnusableImageError as error:
            return f"{error}"

    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        # Pillow warns of odd EXIF data and large images; real errors are exceptions.
        warnings.simplefilter("ignore")
        found = list(pool.map(row, range(len(block))))
    rows: list[dict[str, object]] = []
    for index, one in enumerate(found):
        if isinstance(one, str):
            name = block.paths[index] if block.paths is not None else f"image {first + index}"
            unusable.append({"file": name, "reason": f"{one}: predictions kept, no picture"})
        rows.append({} if isinstance(one, str) else one)
    return rows


def bare_table(
    label: npt.NDArray[np.int32], paths: list[str] | None, ids: npt.NDArray[np.int64] | None
) -> pa.Table:
    """Return ``images.parquet`` without images; ``ids`` are the original ids if renumbered."""
    n = len(label)
    metadata = None if ids is None else pa.schema([pa.field(GIVEN_ID, pa.int64())])
    layout = schema.images_schema(metadata)
    columns = {
        schema.IMAGE_ID: pa.array(np.arange(n, dtype=np.int32)),
        schema.LABEL: pa.array(label, pa.int32()),
        schema.PATH: pa.nulls(n, pa.string()) if paths is None else pa.array(paths, pa.string()),
        GIVEN_ID: None if ids is None else pa.array(ids, pa.int64()),
    }
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(n, field.type)
        for field in layout
    ]
    return pa.table(arrays, schema=layout)


def check_matchable(known: Known, *, by_path: bool) -> None:
    """Check that images can be matched by the key in the files.

    Raises
    ------
    UserError
        The files have paths and the known images have none.
    """
    if by_path and known.paths is None:
        raise UserError(
            f"the images of {known.what} have no paths; expected a column 'image_id' with their "
            "indices"
        )
