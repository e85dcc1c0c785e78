"""Image features, imported from a file or computed from the scores of a dense run."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.importing.arrays import read_matrix
from analysis.importing.consistency import ImageTable
from analysis.importing.image_keys import ImageKeys
from analysis.importing.reading import Read
from analysis.outputs.features import Features, publish_features, reduced
from analysis.store import SweepFolder
from analysis.store.features import LARGEST, MOST_COLUMNS

_ABOUT = "given"
_ROWS = 16_384
_MOST = 16_384
_MOST_BYTES = 2**36


def open_features(path: Path, n_images: int, option: str = "--features") -> npt.NDArray[Any]:
    """Open a file of features without reading it; its rows are the images in order.

    Raises
    ------
    UserError
        The file is damaged or has another shape or type.
    """
    features = read_matrix(path)
    if len(features) != n_images:
        raise UserError(
            f"{option} {path} has {len(features):,} rows, and there are {n_images:,} images; "
            "expected one row an image, in order"
        )
    if features.shape[1] > _MOST:
        raise UserError(
            f"{option} {path} has {features.shape[1]:,} columns; expected at most {_MOST:,}"
        )
    return features


def imported_features(
    path: Path,
    features: npt.NDArray[Any],
    row: npt.NDArray[np.int64],
    option: str = "--features",
) -> Features:
    """Convert features for a sweep; ``row`` maps image ids to rows.

    Wider features are reduced to their first principal components.

    Raises
    ------
    UserError
        A value is not finite or too large for float16.
    """
    with tempfile.TemporaryDirectory(prefix="lethe-features-") as work:
        shape = (len(row), features.shape[1])
        is_narrow = shape[1] <= MOST_COLUMNS
        kept: Any = (
            np.empty(shape, np.float16)
            if is_narrow
            else np.lib.format.open_memmap(Path(work) / "rows.npy", "w+", np.float32, shape)
        )
        for start in range(0, len(row), _ROWS):
            rows = row[start : start + _ROWS]
            block = features[rows].astype(np.float64)
            _check(path, block, rows, LARGEST if is_narrow else np.inf, option)
            kept[start : start + len(rows)] = block
        if is_narrow:
            return Features(kept, _ABOUT)
        return reduced(kept, f"{_ABOUT}, {MOST_COLUMNS} principal components of {shape[1]:,}")


def _check(
    path: Path,
    block: npt.NDArray[np.float64],
    row: npt.NDArray[np.int64],
    largest: float,
    option: str,
) -> None:
    invalid = ~(np.abs(block) <= largest) | ~np.isfinite(block)
    if invalid.any():
        index, column = np.argwhere(invalid)[0].tolist()
        value = block[index, column]
        what = f"at most {largest:,.0f}" if np.isfinite(value) else "finite numbers"
        raise UserError(
            f"{option} {path}, row {int(row[index])}, column {column} is {value:g}; expected {what}"
        )


def features_of_scores(read: Read, keys: ImageKeys, images: ImageTable) -> Features | None:
    """Compute features from the logits of the first dense run with scores; None without one.

    Raises
    ------
    UserError
        All images have the same scores.
    """
    dense = {seed: code for (variant, seed), code in read.codes.runs.items() if variant == DENSE_ID}
    seeds = sorted(seed for seed, code in dense.items() if code in read.scored)
    if not seeds:
        return None
    scored = read.scored[dense[seeds[0]]]
    ids = images.ids[keys.of(scored.image)]
    shape = (len(images.kept), scored.scores.n_classes)
    if 4 * shape[0] * shape[1] > _MOST_BYTES:
        return None
    with tempfile.TemporaryDirectory(prefix="lethe-features-") as work:
        rows = np.lib.format.open_memmap(Path(work) / "rows.npy", "w+", np.float32, shape)
        rows[:] = np.nan  # images that are missing from this run
        start = 0
        for block in scored.scores.blocks():
            here = ids[start : start + len(block)]
            rows[here[here >= 0]] = block[here >= 0]
            start += len(block)
        return reduced(rows, f"logits of dense seed {seeds[0]}")


def import_features(folder: SweepFolder, path: Path) -> str:
    """Import features from a file into a sweep; return their description.

    Raises
    ------
    UserError
        The file cannot be used, or another process writes to the sweep.
    """
    with folder.locked():
        manifest = folder.manifest()
        n_images = folder.read_images([schema.IMAGE_ID]).num_rows
        features = open_features(path, n_images, "--from")
        found = imported_features(path, features, np.arange(n_images), "--from")
        publish_features(folder, manifest, found)
    return found.about
