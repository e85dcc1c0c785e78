"""The map of a sweep's images: computed from its features and stored until these change."""

import hashlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from analysis.errors import RunError, UserError
from analysis.stats.image_map import VERSION, Map, image_map
from analysis.store import DerivedTables, SweepFolder
from analysis.store.derived import MAPS
from analysis.store.features import features_digest, read_features, words_to_make

_NAME = "map"
_LAYOUT = pa.schema([("x", pa.float32()), ("y", pa.float32())])


def read_map(folder: SweepFolder) -> Map | None:
    """Read the position of each image, (N, 2) from 0 to 1; None where there is no map yet.

    Raises
    ------
    CacheError
        The manifest cannot be read.
    """
    derived = _derived(folder)
    table = None if derived is None else derived.get(_NAME)
    images = folder.manifest().files.get("images.parquet")
    if table is None or table.schema != _LAYOUT or (images and images.rows != len(table)):
        return None
    placed = np.column_stack([table["x"].to_numpy(), table["y"].to_numpy()])
    return placed if ((placed >= 0) & (placed <= 1)).all() else None


def make_map(folder: SweepFolder, on_progress: Callable[[int, int], None]) -> Map:
    """Compute and store the map, or read it if it is stored already.

    Raises
    ------
    UserError
        The sweep has no features.
    RunError
        The map cannot be stored.
    """
    placed = read_map(folder)
    if placed is not None:
        return placed
    features = read_features(folder)
    if features is None:
        raise UserError(
            f"sweep '{folder.name}' has no features of its images, which a map is drawn from; "
            f"'python -m analysis {' '.join(words_to_make(folder.manifest()))}' gives them"
        )
    placed = image_map(features, on_progress)
    keep_map(folder, placed)
    if not folder.is_read_only and read_map(folder) is None:
        raise RunError(f"{folder.derived} cannot be written to: the map is not kept")
    return placed


def keep_map(folder: SweepFolder, placed: Map) -> None:
    """Store a map, under a key that changes with the features."""
    derived = _derived(folder)
    if derived is not None:
        inside = np.clip(placed.astype(np.float32), 0, 1)
        derived.put(_NAME, pa.table([inside[:, 0], inside[:, 1]], schema=_LAYOUT))


def _derived(folder: SweepFolder) -> DerivedTables | None:
    digest = features_digest(folder)
    if digest is None:
        return None
    key = hashlib.sha256(f"{VERSION}\0{digest}".encode()).hexdigest()[:16]
    return DerivedTables(folder.derived, key, kind=MAPS, is_read_only=folder.is_read_only)
