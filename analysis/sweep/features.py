"""Compute the image features of a sweep from one dense run, its last step."""

from collections.abc import Callable

from analysis.config import DENSE_ID
from analysis.datasets.preprocess import Progress
from analysis.errors import UserError, one_line
from analysis.outputs.features import publish_features
from analysis.store import Cache
from analysis.store.features import FEATURES
from analysis.sweep.again import reopened
from analysis.sweep.command import written
from analysis.sweep.source import ModelSource, Workplace

_PHASE = "features"


def ensure_features(source: ModelSource, work: Workplace, warn: Callable[[str], None]) -> None:
    """Compute the features of a sweep that has none; warn on failure."""
    folder, manifest = work.folder, work.manifest
    if FEATURES in manifest.files:
        return
    try:
        _make(source, work)
    except Exception as error:
        manifest.files.pop(FEATURES, None)
        command = written(["features", folder.name, "--cache", f"{folder.path.parent}"])
        warn(f"warning: no features of the images ({one_line(error)}); '{command}' tries again")


def _make(source: ModelSource, work: Workplace) -> str | None:
    future = source.submit_features(work.pool, work.manifest)
    if future is None:
        return None
    work.progress(_PHASE, 0, 1)
    found = future.result()
    publish_features(work.folder, work.manifest, found)
    work.progress(_PHASE, 1, 1)
    return found.about


def make_features(source: ModelSource, cache: Cache, *, progress: Progress) -> str:
    """Recompute the features of a finished sweep; return their description.

    Raises
    ------
    UserError
        Its data or dense model are missing or have changed, or another process writes to it.
    RunError
        The model failed.
    """
    folder = cache.existing(source.name)
    before = folder.manifest()
    with reopened(source, cache, before, progress=progress) as pool:
        about = _make(source, Workplace(pool, folder, folder.manifest(), progress))
    if about is None:
        raise UserError(
            f"sweep '{source.name}' has no finished '{DENSE_ID}' run; 'python -m analysis show "
            f"{source.name}' lists its runs"
        )
    return about
