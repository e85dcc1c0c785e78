"""Features of the images: kept with the sweep, checked when read, carried along."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.cli.main import main
from analysis.errors import DamageError, UserError
from analysis.filesystem.atomic import sha256
from analysis.notebook.audit import audit
from analysis.results import SweepResults
from analysis.results.image_map import keep_map, make_map, read_map
from analysis.stats.features import reduce_features
from analysis.stats.image_map import image_map, nearest_images, unit
from analysis.store import Cache, SweepFolder
from analysis.store.features import FEATURES, about_features, read_features, write_features
from analysis.sweep.merge import merge
from analysis.sweep.run import run_sweep
from tests.conftest import small_sweep
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
        (_table(np.full((200, 2), np.nan, np.float16)), "not finite"),
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


# --- reduced ----------------------------------------------------------------------------------
def test_the_directions_of_most_variance_are_kept_with_their_distances() -> None:
    generator = np.random.default_rng(0)
    wide = generator.normal(size=(300, 3)) @ generator.normal(size=(3, 400)) + 5
    found = reduce_features(wide, 128)
    assert found.shape == (300, 3)  # the others have no spread
    centred = wide - wide.mean(axis=0)
    exact = np.linalg.svd(centred, full_matrices=False)[1][:3] / np.sqrt(300)
    assert np.allclose(found.std(axis=0), exact / exact[0], rtol=1e-4)
    assert np.array_equal(found, reduce_features(wide, 128))
    distances = [np.linalg.norm(x[0] - x[1:], axis=1) for x in (wide, found)]
    assert np.allclose(distances[0] / exact[0], distances[1], rtol=1e-4)


@pytest.mark.parametrize("whole", [1000, 100])
def test_at_most_so_many_columns_of_many(monkeypatch: pytest.MonkeyPatch, whole: int) -> None:
    monkeypatch.setattr("analysis.stats.features._WHOLE", whole)
    drawn = np.random.default_rng(0).normal(size=(500, 300)) * np.linspace(3, 0.1, 300)
    found = reduce_features(drawn, 128)
    assert found.shape == (500, 128)
    exact = np.linalg.svd(drawn - drawn.mean(axis=0), full_matrices=False)[1][:5]
    assert np.allclose(found.std(axis=0)[:5], exact / exact[0], rtol=0.02)
    assert (np.abs(found).max(axis=0) > 0).all()


def test_images_without_finite_features_lie_at_the_mean() -> None:
    values = np.random.default_rng(0).normal(size=(50, 4))
    values[7, 2] = np.nan
    found = reduce_features(values, 128)
    assert np.array_equal(found[7], np.zeros(4))
    with pytest.raises(UserError, match="all images have the same"):
        reduce_features(np.ones((9, 4)))
    with pytest.raises(UserError, match="no image has finite ones"):
        reduce_features(np.full((9, 4), np.nan))


# --- made ---------------------------------------------------------------------------------------
def test_a_sweep_ends_with_features_and_the_verb_makes_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_sweep(small_sweep(), Cache(tmp_path), n_workers=1)
    folder = Cache(tmp_path).sweep("small")
    assert about_features(folder) == "penultimate layer of dense seed 0"
    first = read_features(folder)
    assert first is not None
    assert first.shape[0] == 200
    assert first.shape[1] <= 64
    manifest = folder.manifest()
    del manifest.files[FEATURES]
    (folder.path / FEATURES).unlink()
    folder.write_manifest(manifest)
    out = tmp_path / "features.npy"
    assert main(["features", "small", "--cache", str(tmp_path), "--out", str(out)]) == 0
    assert np.array_equal(read_features(folder), first)
    assert np.array_equal(np.load(out), first)
    assert folder.verify() == []
    assert "penultimate layer of dense seed 0" in capsys.readouterr().out


def test_features_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_sweep(tmp_path)
    words = ["features", "made", "--cache", str(tmp_path), "--from"]
    np.save(tmp_path / "wide.npy", drawn(width=200))
    assert main([*words, str(tmp_path / "wide.npy")]) == 0
    assert about_features(folder) == "given, 128 principal components of 200"
    np.save(tmp_path / "narrow.npy", drawn(width=3))
    assert main([*words, str(tmp_path / "narrow.npy")]) == 0
    assert np.allclose(read_features(folder), drawn(width=3), atol=1e-2)
    assert folder.verify() == []
    np.save(tmp_path / "short.npy", drawn(199))
    capsys.readouterr()
    assert main([*words, str(tmp_path / "short.npy")]) == 2
    assert "199 rows, and there are 200 images" in capsys.readouterr().err
    assert np.allclose(read_features(folder), drawn(width=3), atol=1e-2)


def test_scores_that_are_imported_are_features(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(40, 6)), generator.integers(0, 6, 40)
    files = []
    for name in ("dense", "slim"):
        files.append(str(tmp_path / f"{name}__seed-0.npz"))
        np.savez(files[-1], logits=logits, labels=labels)
    cache = ["--cache", str(tmp_path / "cache")]
    assert main(["import", *files, "--name", "mine", *cache]) == 0
    folder = Cache(tmp_path / "cache").sweep("mine")
    assert about_features(folder) == "logits of dense seed 0"
    found = read_features(folder)
    assert found is not None
    assert np.allclose(found, reduce_features(logits, 128), atol=1e-2)
    # The model itself is not here.
    capsys.readouterr()
    assert main(["features", "mine", *cache]) == 2
    said = capsys.readouterr().err
    assert "features mine --from FILE.npy --cache" in said
    assert len(said.splitlines()) == 1


def test_a_table_of_labels_has_no_features(tmp_path: Path) -> None:
    lines = ["image_id,label,seed,variant_id,prediction"]
    lines += [f"{i},{i % 3},0,{v},{i % 2}" for i in range(9) for v in ("dense", "slim")]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    cache = ["--cache", str(tmp_path / "cache")]
    assert main(["import", str(tmp_path / "t.csv"), "--name", "mine", *cache]) == 0
    assert read_features(Cache(tmp_path / "cache").sweep("mine")) is None


# --- the map ------------------------------------------------------------------------------------
def clusters(n: int, width: int = 6) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Features of three groups far apart, and the group of each."""
    generator = np.random.default_rng(0)
    group = generator.integers(0, 3, n)
    centres = 20 * np.eye(3, width)
    return (centres[group] + generator.normal(size=(n, width))).astype(np.float32), group


def apart(placed: npt.NDArray[np.float32], group: npt.NDArray[np.int64]) -> bool:
    """Whether each image's nearest one is of its group, of all but a few."""
    far = np.linalg.norm(placed[:, None] - placed[None], axis=2)
    np.fill_diagonal(far, np.inf)
    return bool((group[far.argmin(axis=1)] == group).mean() > 0.97)


def test_alike_images_lie_together_and_the_same_map_comes_again() -> None:
    features, group = clusters(150)
    steps: list[int] = []
    placed = image_map(features, lambda done, _: steps.append(done))
    assert placed.shape == (150, 2)
    assert placed.min() >= 0
    assert placed.max() <= 1
    assert apart(placed, group)
    assert steps == sorted(steps)
    assert steps[-1] == 100
    assert np.array_equal(placed, image_map(features))


def test_of_many_images_a_sample_is_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.stats.image_map.MOST_LAID_OUT", 100)
    monkeypatch.setattr("analysis.stats.image_map.SAMPLE", 60)
    features, group = clusters(240)
    steps: list[int] = []
    placed = image_map(features, lambda done, _: steps.append(done))
    assert placed.shape == (240, 2)
    assert apart(placed, group)
    assert steps[-1] == 100


@pytest.mark.parametrize("values", [np.zeros((3, 1)), np.ones((30, 2)), np.eye(1, 4)])
def test_maps_of_hardly_anything(values: npt.NDArray[np.floating]) -> None:
    placed = image_map(values.astype(np.float32))
    assert placed.shape == (len(values), 2)
    assert np.isfinite(placed).all()


def test_the_nearest_images_by_cosine() -> None:
    rows = unit(np.array([[1, 0], [2, 0.1], [0, 1], [-1, 0], [3, 0.15]], np.float32))
    ids, likeness = nearest_images(rows, 0, 2)
    assert ids.tolist() == [1, 4]  # the same direction: by rising id
    assert np.allclose(likeness, 1 / np.sqrt(1 + 0.05**2), atol=1e-5)
    ids, _ = nearest_images(rows, 0, 12)
    assert ids.tolist() == [1, 4, 2, 3]
    assert len(nearest_images(rows[:1], 0)[0]) == 0


def test_the_map_is_kept_until_the_features_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_sweep(tmp_path)
    words = ["map", "made", "--cache", str(tmp_path)]
    assert main(words) == 2
    assert f"features --cache {tmp_path} made'" in capsys.readouterr().err
    keep(folder, clusters(200)[0])
    assert read_map(folder) is None
    assert main([*words, "--steps", "--out", str(tmp_path / "map.csv")]) == 0
    said = capsys.readouterr().out
    assert "map 100/100" in said
    assert "a map of 200 images" in said
    found = read_map(folder)
    assert found is not None
    assert np.array_equal(found, image_map(read_features(folder)))  # type: ignore[arg-type]
    assert (tmp_path / "map.csv").read_text().startswith("image_id,x,y\n0,")
    assert folder.verify() == []
    (path,) = (folder.path / "derived" / "maps").rglob("map.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert read_map(folder) is None
    assert [line for line in folder.verify() if "derived/maps/" in line]
    keep_map(folder, found)
    assert np.array_equal(read_map(folder), found)  # type: ignore[arg-type]
    assert folder.verify() == []
    keep_map(folder, found[:150])  # of other images
    assert read_map(folder) is None
    keep_map(folder, np.full_like(found, np.nan))
    assert read_map(folder) is None
    keep_map(folder, found)
    keep(folder, clusters(200, width=5)[0])
    assert read_map(folder) is None


def test_scores_in_memory_are_features(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    logits = {name: generator.normal(size=(60, 5)) for name in ("dense", "slim")}
    audit(logits, labels=generator.integers(0, 5, 60), name="mine", cache=tmp_path)
    folder = Cache(tmp_path).sweep("mine")
    assert about_features(folder) == "logits of dense seed 0"
    found = read_features(folder)
    assert found is not None
    assert np.allclose(found, reduce_features(logits["dense"], 128), atol=1e-2)
    assert folder.verify() == []


def test_a_map_that_cannot_be_kept_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_sweep(tmp_path)
    keep(folder, clusters(200)[0])
    monkeypatch.setattr("analysis.store.derived.DerivedTables.put", lambda *_: None)
    assert main(["map", "made", "--cache", str(tmp_path)]) == 3
    assert "cannot be written to" in capsys.readouterr().err
    read_only = SweepFolder(folder.path, is_read_only=True)
    assert len(make_map(read_only, lambda *_: None)) == 200
