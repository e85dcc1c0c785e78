"""Features of the images: kept with the sweep, checked when read, carried along."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.errors import DamageError, UserError
from analysis.filesystem.atomic import sha256
from analysis.results import SweepResults
from analysis.store import Cache, SweepFolder
from analysis.store.features import FEATURES, about_features, read_features, write_features
from analysis.sweep.merge import merge
from tests.synthetic import make_sweep


def drawn(n: int = 200, width: int = 5) -> npt.NDArray[np.float32]:
    return np.random.default_rng(1).normal(size=(n, width)).astype(np.float32)


def keep(folder: SweepFolder, values: npt.NDArray[np.floating], about: str = "given") -> None:
    manifest = folder.manifest()
    manifest.files[FEATURES] = write_features(folder, values, about=about)
    folder.write_manifest(manifest)


def test_features_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path)
    assert read_features(folder) is None
    assert about_features(folder) is None
    values = drawn()
    keep(folder, values, "penultimate layer of dense seed 0")
    found = SweepResults(folder).features()
    assert found is not None
    assert found.dtype == np.float32
    assert np.array_equal(found, values.astype(np.float16).astype(np.float32))
    assert about_features(folder) == "penultimate layer of dense seed 0"
    assert folder.verify() == []
    table = pq.read_table(folder.path / FEATURES)
    assert table.column_names == ["image_id", "f0", "f1", "f2", "f3", "f4"]
    assert table.schema.field("image_id").type == pa.int32()
    assert table.schema.field("f0").type == pa.float16()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.ones(200), r"shape \(200,\)"),
        (np.ones((200, 129)), "1 to 128 columns"),
        (np.ones((200, 0)), "1 to 128 columns"),
        (np.full((200, 2), np.inf), "row 0, column 0 is inf; expected finite numbers"),
        (np.full((200, 2), 1e6), "expected at most 65,504"),
    ],
)
def test_features_that_cannot_be_kept(
    tmp_path: Path, values: npt.NDArray[np.floating], expected: str
) -> None:
    folder = make_sweep(tmp_path)
    with pytest.raises(UserError, match=expected):
        write_features(folder, values)
    assert not (folder.path / FEATURES).exists()
    assert folder.verify() == []


def _replace(folder: SweepFolder, table: pa.Table) -> None:
    """Put another table in the place of the features, as whoever can write a cache may."""
    path = folder.path / FEATURES
    pq.write_table(table, path)
    manifest = folder.manifest()
    manifest.files[FEATURES] = folder.record(path, rows=len(table))
    folder.write_manifest(manifest)


def _table(values: npt.NDArray[np.float16], first: int = 0) -> pa.Table:
    names = ["image_id", *(f"f{i}" for i in range(values.shape[1]))]
    kinds = [pa.int32(), *[pa.float16()] * values.shape[1]]
    layout = pa.schema([pa.field(n, k, nullable=False) for n, k in zip(names, kinds, strict=True)])
    ids = np.arange(first, first + len(values), dtype=np.int32)
    columns = [pa.array(np.ascontiguousarray(c)) for c in values.T]
    return pa.table([pa.array(ids), *columns], schema=layout)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (_table(np.ones((199, 2), np.float16)), "199 rows for 200 images"),
        (_table(np.ones((200, 129), np.float16)), "expected image_id and f0 to f127"),
        (_table(np.ones((200, 2), np.float16), first=1), "not those of the images in order"),
        (_table(np.full((200, 2), np.nan, np.float16)), "no finite numbers"),
        (pa.table({"image_id": np.arange(200)}), "expected image_id and f0"),
        (pa.table({"x": ["<script>"] * 200, "y": [""] * 200}), "expected image_id and f0"),
    ],
)
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, table: pa.Table, expected: str
) -> None:
    folder = make_sweep(tmp_path)
    _replace(folder, table)
    with pytest.raises(DamageError, match=expected):
        read_features(folder)


def test_damage_is_found_by_reading_and_by_verify(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path)
    keep(folder, drawn())
    path = folder.path / FEATURES
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert any(FEATURES in line for line in folder.verify())
    with pytest.raises(DamageError, match="damaged"):
        read_features(folder)
    path.unlink()
    assert folder.verify() == [f"missing: {FEATURES}"]
    with pytest.raises(DamageError, match="missing"):
        read_features(folder)


def test_features_go_where_the_sweep_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    first, second = make_sweep(tmp_path, "first"), make_sweep(tmp_path, "second")
    keep(second, drawn())
    digest = sha256(second.path / FEATURES)
    merge(cache, "first", "second", "both")
    assert sha256(cache.sweep("both").path / FEATURES) == digest
    assert cache.sweep("both").verify() == []
    keep(first, drawn(width=3))
    merge(cache, "first", "second", "again")
    found = read_features(cache.sweep("again"))
    assert found is not None
    assert found.shape == (200, 3)  # of the first
    assert cache.sweep("again").verify() == []
    cache.rename("both", "renamed")
    assert sha256(cache.sweep("renamed").path / FEATURES) == digest
    assert cache.sweep("renamed").verify() == []
    cache.remove("renamed")
    assert not (tmp_path / "renamed").exists()
