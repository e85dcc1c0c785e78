"""What the pages read, each once: the only caches of the dashboard.

Everything is keyed by the manifest's stamp, so a finished run shows up; every cache is
bounded. The arguments named ``key`` and ``identity`` are those keys and nothing else.
"""

# ruff: noqa: ARG001

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import LetheError
from analysis.filesystem import Location, RemotePath, address, location
from analysis.presentation.formatting import data_uri
from analysis.results import SweepResults
from analysis.stats.votes import TieRule
from analysis.store import Cache, Rows, SweepFolder
from analysis.store.annotations import Annotations
from analysis.store.manifest import Manifest
from analysis.store.study import Study
from analysis.store.tags import Marked
from dashboard import permissions
from dashboard.gallery.fate_marks import Fates, fate_of
from dashboard.gallery.query import ImageIndex

T = TypeVar("T")
META_VALUES = 60
PATIENCE = 0.3


@dataclass(frozen=True)
class SweepState:
    """One sweep of the cache as its manifest tells it; ``problem`` where it cannot be read.

    ``variants_done`` names the variants of which every run is done.
    """

    name: str
    key: str
    n_done: int = 0
    n_runs: int = 0
    variants_done: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every requested run is done."""
        return self.problem is None and 0 < self.n_runs == self.n_done


def cache_root() -> Location:
    """Return the cache the app was started with."""
    return location(os.environ.get("LETHE_CACHE") or "cache")


def sweep_states() -> list[SweepState]:
    """Describe every sweep of the cache, sorted by name; half-deleted ones too."""
    root = cache_root()
    return _recent_states(address(root)) if isinstance(root, RemotePath) else _states(root)


@st.cache_data(max_entries=4, ttl=2.0, show_spinner=False)
def _recent_states(url: str) -> list[SweepState]:
    """States of a remote cache, read once for all parts of a page."""
    return _states(location(url))


def _states(root: Location) -> list[SweepState]:
    cache = Cache(root)
    states = [_state(cache.sweep(name)) for name in cache.names()]
    for name in cache.headless():
        problem = f"{cache.root / name} holds predictions but no manifest.json: it is no sweep"
        states.append(SweepState(name, "", problem=problem))
    return sorted(states, key=lambda state: state.name)


def folder_of(name: str) -> SweepFolder:
    """Return a sweep's folder."""
    return Cache(cache_root()).sweep(name)


def size(folder: SweepFolder) -> int:
    """Bytes of a sweep's files on disk, counted once for each of its states."""
    return _size(address(folder.path), folder.stamp())


def manifest(folder: SweepFolder) -> Manifest:
    """Read a sweep's manifest, once for each of its states."""
    return _manifest(address(folder.path), folder.stamp())


def results(name: str, ties: TieRule) -> SweepResults:
    """Open a sweep under one tie rule; its tables are computed on first use."""
    folder = folder_of(name)
    return _results(address(folder.path), ties, folder.stamp())


def image_index(opened: SweepResults, variant_id: str) -> ImageIndex:
    """Return the columns that the gallery filters and sorts one variant by."""
    return _image_index(opened, variant_id, identity_of(opened))


def image_values(opened: SweepResults, variant_id: str, column: str) -> npt.NDArray[np.float64]:
    """Return one more column of the images table, N values, NaN where it is not known."""
    return _image_values(opened, variant_id, column, identity_of(opened))


def stability(opened: SweepResults, variant_id: str) -> npt.NDArray[np.float64] | None:
    """Return the PIE stability of every image; None while it is being computed.

    On a large sweep that takes long, so it is done beside the pages, one variant at a time.
    """
    future = _stability(opened, variant_id, identity_of(opened))
    try:
        return future.result(timeout=PATIENCE)
    except TimeoutError:
        return None


def values_soon(
    opened: SweepResults, variant_id: str, columns: tuple[str, ...]
) -> dict[str, npt.NDArray[np.float64]] | None:
    """Return columns of the images table, N values each; None while they are computed."""
    try:
        future = _values_soon(opened, variant_id, columns, identity_of(opened))
        return future.result(timeout=PATIENCE)
    except TimeoutError:
        return None


def fates(opened: SweepResults, variant_ids: tuple[str, ...]) -> Fates | None:
    """Return what becomes of every image in each of some variants; None while it is computed."""
    try:
        return _fates(opened, variant_ids, identity_of(opened)).result(timeout=PATIENCE)
    except TimeoutError:
        return None


def has_inference(opened: SweepResults) -> bool:
    """Whether what holds for other seeds is known; else it is begun beside the pages.

    A sweep that is still being made has it once it is complete.
    """
    if opened.inference.is_known:
        return True
    if not opened.manifest.is_complete:
        return False
    try:
        opened.inference.take(
            _inference(opened, identity_of(opened)).result(timeout=PATIENCE).inference
        )
    except TimeoutError:
        return False
    return True


def breaking_points(opened: SweepResults) -> pd.DataFrame:
    """Return the breaking point of every image by method, computed once."""
    return _breaking_points(opened, identity_of(opened))


def metadata(opened: SweepResults, image_id: int) -> dict[str, Any]:
    """Return path, size and ``meta_*`` columns of one image."""
    rows = _image_rows(opened, "facts", _images_identity(opened))
    return dict(rows.take([image_id]).to_pylist()[0])


def categories(opened: SweepResults) -> dict[str, pd.Categorical]:
    """Return the metadata columns with few values, as text, by their names without ``meta_``."""
    return _categories(opened, _images_identity(opened))


def numbers(opened: SweepResults) -> dict[str, npt.NDArray[np.float64]]:
    """Return the numeric ``meta_*`` columns under their whole names, NaN where unknown."""
    return _numbers(opened, _images_identity(opened))


def marks(folder: SweepFolder) -> Marked:
    """Return tags and saved views of a sweep, as they are now; none where they are damaged."""
    return _marks(address(folder.path), folder.marks.stamp())[0]


def marks_problem(folder: SweepFolder) -> str | None:
    """Say why tags and saved views cannot be read; None where they can."""
    return _marks(address(folder.path), folder.marks.stamp())[1]


def thumbnail_uris(opened: SweepResults, image_ids: Sequence[int]) -> list[str]:
    """Return thumbnails as data URIs, encoded from the stored bytes; empty where there is none."""
    rows = _image_rows(opened, "thumbnails", _images_identity(opened)).take(image_ids)
    return [data_uri(picture and picture["bytes"]) for picture in rows[schema.IMAGE].to_pylist()]


def study(opened: SweepResults, name: str) -> Study:
    """Return a study as its file tells it now."""
    return study_in(opened.folder.annotations, name)


def study_in(kept: Annotations, name: str) -> Study:
    """Return a study of a sweep that need not be open."""
    return _study(kept, name, (str(kept.path), kept.stamp(name)))


def _state(folder: SweepFolder) -> SweepState:
    key = folder.stamp()
    try:
        return _readable_state(address(folder.path), key, folder.name)
    except (LetheError, ValueError, TypeError, AttributeError) as error:
        return SweepState(folder.name, key, problem=str(error))


@st.cache_resource(max_entries=512, show_spinner=False)
def _readable_state(path: str, key: str, name: str) -> SweepState:
    """Count the runs of a sweep, once for each of its states: pages ask many times."""
    read = _manifest(path, key)
    ids = [variant.variant_id for variant in read.variants]
    done = tuple(one for one in ids if len(read.done_seeds(one)) >= len(read.seeds))
    return SweepState(name, key, read.n_done, read.n_runs, done)


def identity_of(opened: SweepResults) -> tuple[str, str, str, int]:
    """Tell one state of an open sweep from another: what is computed of it is keyed by that."""
    return (str(opened.folder.path), opened.ties, opened.manifest.updated, opened.manifest.n_done)


def _images_identity(opened: SweepResults) -> tuple[str, str]:
    record = opened.manifest.files.get("images.parquet")
    return (str(opened.folder.path), record.sha256 if record else opened.manifest.updated)


@st.cache_data(max_entries=512, show_spinner=False)
def _size(path: str, key: str) -> int:
    return sum(SweepFolder(location(path)).sizes().values())


@st.cache_resource(max_entries=64, show_spinner=False)
def _manifest(path: str, key: str) -> Manifest:
    return SweepFolder(location(path)).manifest()


@st.cache_resource(max_entries=8, show_spinner=False)
def _marks(path: str, key: str) -> tuple[Marked, str | None]:
    try:
        return SweepFolder(location(path)).marks.read(), None
    except LetheError as error:
        return Marked(), str(error)


@st.cache_resource(max_entries=4, show_spinner=False)
def _results(path: str, ties: TieRule, key: str) -> SweepResults:
    folder = SweepFolder(location(path), is_read_only=permissions.is_read_only())
    return SweepResults(folder, ties=ties)


@st.cache_resource(max_entries=24, show_spinner=False)
def _image_index(
    _opened: SweepResults, variant_id: str, identity: tuple[str, str, str, int]
) -> ImageIndex:
    runs = _opened.runs()
    n_tied = runs.loc[runs[schema.VARIANT_ID].isin([DENSE_ID, variant_id]), "n_score_tied"].sum()
    # Where no score is tied, no file of a run is read again for it.
    more = ImageIndex.TIED if n_tied else ()
    return ImageIndex.from_frame(_opened.images(variant_id, columns=(*ImageIndex.COLUMNS, *more)))


@st.cache_resource(max_entries=24, show_spinner=False)
def _image_values(
    _opened: SweepResults, variant_id: str, column: str, identity: tuple[str, str, str, int]
) -> npt.NDArray[np.float64]:
    return _opened.images(variant_id, columns=[column])[column].to_numpy(np.float64)


@st.cache_resource(max_entries=4, show_spinner=False)
def _breaking_points(_opened: SweepResults, identity: tuple[str, str, str, int]) -> pd.DataFrame:
    return _opened.breaking_points()


@st.cache_resource(max_entries=24, show_spinner=False)
def _stability(
    _opened: SweepResults, variant_id: str, identity: tuple[str, str, str, int]
) -> "Future[npt.NDArray[np.float64]]":
    return beside(_opened, lambda own: own.stability(variant_id)["stability"].to_numpy())


@st.cache_resource(max_entries=8, show_spinner=False)
def _values_soon(
    _opened: SweepResults,
    variant_id: str,
    columns: tuple[str, ...],
    identity: tuple[str, str, str, int],
) -> "Future[dict[str, npt.NDArray[np.float64]]]":
    def compute(own: SweepResults) -> dict[str, npt.NDArray[np.float64]]:
        table = own.images(variant_id, columns=columns)
        return {name: table[name].to_numpy(np.float64) for name in columns}

    return beside(_opened, compute)


@st.cache_resource(max_entries=8, show_spinner=False)
def _fates(
    _opened: SweepResults, variant_ids: tuple[str, ...], identity: tuple[str, str, str, int]
) -> "Future[Fates]":
    columns = (schema.LABEL, "kind", "modal_label")

    def compute(own: SweepResults) -> Fates:
        return {one: fate_of(own.images(one, columns=columns)) for one in variant_ids}

    return beside(_opened, compute)


@st.cache_resource(max_entries=8, show_spinner=False)
def _inference(
    _opened: SweepResults, identity: tuple[str, str, str, int]
) -> "Future[SweepResults]":
    def compute(own: SweepResults) -> SweepResults:
        own.inference.keep(lambda *_: None)
        return own

    return beside(_opened, compute)


def beside(opened: SweepResults, compute: Callable[[SweepResults], T]) -> "Future[T]":
    """Compute something beside the pages, one thing at a time.

    From results of its own: what is kept of a sweep in memory is not made for two threads at once.
    """
    future: Future[T] = Future()
    own = SweepResults(opened.folder, ties=opened.ties)

    def work() -> None:
        try:
            with _one_at_a_time():
                future.set_result(compute(own))
        except Exception as error:
            # Whatever it is, the page that asks is to say it.
            future.set_exception(error)

    Thread(target=work, daemon=True).start()
    return future


@st.cache_resource(max_entries=1, show_spinner=False)
def _one_at_a_time() -> Any:
    return Lock()


@st.cache_resource(max_entries=8, show_spinner=False)
def _image_rows(_opened: SweepResults, what: str, identity: tuple[str, str]) -> Rows:
    folder = _opened.folder
    facts = [name for name in folder.image_columns() if name != schema.IMAGE]
    return folder.image_rows([schema.IMAGE] if what == "thumbnails" else facts)


@st.cache_resource(max_entries=16, show_spinner=False)
def _study(_kept: Annotations, name: str, key: tuple[str, str]) -> Study:
    return _kept.read(name)


@st.cache_resource(max_entries=4, show_spinner=False)
def _categories(_opened: SweepResults, identity: tuple[str, str]) -> dict[str, pd.Categorical]:
    folder = _opened.folder
    names = [name for name in folder.image_columns() if name.startswith(schema.META_PREFIX)]
    found = {}
    for name in names:
        values = folder.read_images([name])[name].to_pandas()
        if pd.api.types.is_float_dtype(values):
            continue
        if 1 < values.nunique() <= META_VALUES:
            text = values.astype("string").where(values.notna())
            found[name.removeprefix(schema.META_PREFIX)] = pd.Categorical(text)
    return found


@st.cache_resource(max_entries=4, show_spinner=False)
def _numbers(
    _opened: SweepResults, identity: tuple[str, str]
) -> dict[str, npt.NDArray[np.float64]]:
    folder = _opened.folder
    names = [name for name in folder.image_columns() if name.startswith(schema.META_PREFIX)]
    found = {}
    for name in names:
        values = folder.read_images([name])[name].to_pandas()
        is_number = pd.api.types.is_numeric_dtype(values)
        if is_number and not pd.api.types.is_bool_dtype(values):
            number = values.to_numpy(np.float64, na_value=np.nan)
            found[name] = np.where(np.isfinite(number), number, np.nan)
    return found
