"""The map of a sweep's images, made of its features and kept for as long as these are the same."""

import hashlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from analysis.errors import UserError
from analysis.stats.image_map import VERSION, Map, image_map
from analysis.store import DerivedTables, SweepFolder
from analysis.store.features import features_digest, read_features

_FOLDER = "map"
_NAME = "map"


def read_map(folder: SweepFolder) -> Map | None:
    """Return where each image lies, (N, 2) from 0 to 1; None where that is not known yet.

    Raises
    ------
    CacheError
        The manifest cannot be read.
    """
    shelf = _shelf(folder)
    found = None if shelf is None else shelf.get(_NAME)
    if found is None:
        return None
    return np.column_stack([found["x"].to_numpy(), found["y"].to_numpy()]).astype(np.float32)


def make_map(folder: SweepFolder, told: Callable[[int, int], None]) -> Map:
    """Make the map and keep it; returned at once where it is known.

    Raises
    ------
    UserError
        The sweep has no features.
    """
    found = read_map(folder)
    if found is not None:
        return found
    features, shelf = read_features(folder), _shelf(folder)
    if features is None or shelf is None:
        raise UserError(
            f"sweep '{folder.name}' has no features of its images, which a map is drawn from; "
            f"'python -m analysis features {folder.name}' makes them"
        )
    found = image_map(features, told)
    shelf.put(_NAME, pa.table({"x": found[:, 0], "y": found[:, 1]}))
    return found


def _shelf(folder: SweepFolder) -> DerivedTables | None:
    digest = features_digest(folder)
    if digest is None:
        return None
    key = hashlib.sha256(f"{VERSION}\0{digest}".encode()).hexdigest()[:16]
    return DerivedTables(folder.derived / _FOLDER, key, is_read_only=folder.is_read_only)
