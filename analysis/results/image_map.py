"""The map of a sweep's images, made of its features and kept for as long as these are the same."""

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
    """Return where each image lies, (N, 2) from 0 to 1; None where that is not known yet.

    Raises
    ------
    CacheError
        The manifest cannot be read.
    """
    shelf = _shelf(folder)
    table = None if shelf is None else shelf.get(_NAME)
    images = folder.manifest().files.get("images.parquet")
    if table is None or table.schema != _LAYOUT or (images and images.rows != len(table)):
        return None
    found = np.column_stack([table["x"].to_numpy(), table["y"].to_numpy()])
    return found if ((found >= 0) & (found <= 1)).all() else None


def make_map(folder: SweepFolder, told: Callable[[int, int], None]) -> Map:
    """Make the map and keep it; returned at once where it is known.

    Raises
    ------
    UserError
        The sweep has no features.
    RunError
        It cannot be kept.
    """
    found = read_map(folder)
    if found is not None:
        return found
    features = read_features(folder)
    if features is None:
        raise UserError(
            f"sweep '{folder.name}' has no features of its images, which a map is drawn from; "
            f"'python -m analysis {' '.join(words_to_make(folder.manifest()))}' gives them"
        )
    found = image_map(features, told)
    keep_map(folder, found)
    if not folder.is_read_only and read_map(folder) is None:
        raise RunError(f"{folder.derived} cannot be written to: the map is not kept")
    return found


def keep_map(folder: SweepFolder, placed: Map) -> None:
    """Keep a map for as long as the features are the same."""
    shelf = _shelf(folder)
    if shelf is not None:
        inside = np.clip(placed.astype(np.float32), 0, 1)
        shelf.put(_NAME, pa.table([inside[:, 0], inside[:, 1]], schema=_LAYOUT))


def _shelf(folder: SweepFolder) -> DerivedTables | None:
    digest = features_digest(folder)
    if digest is None:
        return None
    key = hashlib.sha256(f"{VERSION}\0{digest}".encode()).hexdigest()[:16]
    return DerivedTables(folder.derived, key, kind=MAPS, is_read_only=folder.is_read_only)
