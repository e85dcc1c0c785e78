"""Columns of a table brought to the images: in memory, in the cache, and what is refused."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.cli.main import main
from analysis.errors import UserError
from analysis.results import load_sweep
from analysis.store import SweepFolder, publishing
from analysis.store.join import join, keep_joined
from analysis.store.joinable import as_table
from tests.synthetic import make_sweep

N = 20


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return make_sweep(tmp_path, n_images=N, seeds=2, variants=("magnitude=0.5",))


def labels(**changes: object) -> pd.DataFrame:
    """What people said of six images, in no order."""
    columns: dict[str, object] = {
        "image_id": [7, 3, 0, 19, 4, 5],
        "human": ["atypical", "none", "none", None, "fine-grained", "none"],
        "annotators": [3, 2, 2, 5, 4, 1],
        "sharp": [True, False, True, True, False, True],
        "angle": [0.5, 1.5, 2.5, 3.5, None, 5.5],
    }
    return pd.DataFrame(columns | changes)


def written(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif ".csv" in path.name:
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    return path


NAMES = ["meta_human", "meta_annotators", "meta_sharp", "meta_angle"]


@pytest.mark.parametrize(
    "name", ["t.csv", "t.csv.gz", "t.parquet", "t.jsonl", "t.jsonl.gz", "t.json", "t.ndjson"]
)
def test_every_format_brings_the_same_columns(
    folder: SweepFolder, tmp_path: Path, name: str
) -> None:
    assert join(folder, written(labels(), tmp_path / name)) == NAMES
    images = folder.read_images(NAMES).to_pandas()
    assert images["meta_human"].dropna().to_dict() == {
        7: "atypical", 3: "none", 0: "none", 4: "fine-grained", 5: "none"
    }  # fmt: skip
    assert images["meta_annotators"].dropna().to_dict() == {7: 3, 3: 2, 0: 2, 19: 5, 4: 4, 5: 1}
    assert images["meta_angle"].dropna().to_dict() == {7: 0.5, 3: 1.5, 0: 2.5, 19: 3.5, 5: 5.5}
    assert images["meta_sharp"].dropna().to_dict()[4] is False


def test_the_cache_is_as_its_manifest_says_and_all_else_stays(folder: SweepFolder) -> None:
    before = folder.read_images()
    join(folder, labels())
    assert folder.verify() == []
    after = folder.read_images()
    assert after.select(before.column_names).equals(before)
    assert after.column_names == [*before.column_names, *NAMES]
    assert after.schema.field("meta_annotators").type == pa.int64()
    assert not list(folder.path.glob(".tmp-*"))


def test_images_can_be_named_by_path(folder: SweepFolder) -> None:
    frame = labels().drop(columns="image_id").assign(path=[f"test/{i:05d}.png" for i in range(6)])
    join(folder, frame)
    assert folder.read_images(["meta_annotators"])["meta_annotators"].to_pylist()[:7] == [
        3, 2, 2, 5, 4, 1, None
    ]  # fmt: skip


def test_an_index_of_that_name_counts_as_the_column(folder: SweepFolder) -> None:
    results = load_sweep("made", cache=folder.path.parent)
    joined = results.join(labels().set_index("image_id"))
    assert joined.metadata().loc[7, "meta_human"] == "atypical"


def test_joining_in_memory_writes_nothing_and_leaves_the_first_results_as_they_are(
    folder: SweepFolder,
) -> None:
    def files() -> dict[Path, bytes]:
        """What was there to begin with; what takes long is kept with every sweep."""
        found = set(folder.path.rglob("*.parquet")) - set(folder.derived.rglob("*.parquet"))
        return {path: path.read_bytes() for path in found}

    before = files()
    assert len(before) == 5
    results = load_sweep("made", cache=folder.path.parent)
    assert "sharp" not in set(results.attribute_kinds()["attribute"])
    joined = results.join(labels())
    assert {"sharp", "human", "planted"} <= set(joined.attribute_kinds()["attribute"])
    assert "sharp" not in set(results.attribute_kinds()["attribute"])
    assert joined.attributes("magnitude-0.50", attribute="sharp")["n_images"].tolist() == [2, 4]
    twice = joined.join(labels()[["image_id", "angle"]].rename(columns={"angle": "tilt"}))
    assert {"sharp", "tilt"} <= set(twice.attribute_kinds()["attribute"])
    assert files() == before


def test_joining_in_memory_and_in_the_cache_give_the_same_tables(folder: SweepFolder) -> None:
    cache = folder.path.parent
    memory = load_sweep("made", cache=cache).join(labels())
    join(folder, labels())
    disk = load_sweep("made", cache=cache)
    pd.testing.assert_frame_equal(memory.attributes(), disk.attributes())
    pd.testing.assert_frame_equal(memory.numeric_attributes(), disk.numeric_attributes())


def test_a_column_that_is_there_already_is_replaced_only_when_asked(folder: SweepFolder) -> None:
    join(folder, labels())
    again = labels(human=["multiple"] * 6)
    with pytest.raises(UserError, match=r"has a column 'meta_human' already.*--overwrite"):
        join(folder, again)
    join(folder, again, overwrite=True)
    columns = folder.image_columns()
    assert columns.count("meta_human") == 1
    assert set(folder.read_images(["meta_human"])["meta_human"].to_pylist()) == {"multiple", None}
    assert folder.verify() == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (labels().drop(columns="image_id"), r"no column 'image_id' or 'path'.*it has human"),
        (labels(image_id=[7, 3, 7, 19, 4, 5]), "more than one row of the table has image_id 7"),
        (labels(image_id=[7, 3, 99, 20, 4, -1]), r"no image with image_id 99, 20, -1"),
        (labels(image_id=[20, 21, 22, 23, 24, 25]), r"image_id 20, 21, 22 and 3 more"),
        (labels(image_id=[7, 3, None, 19, 4, 5]), "1 rows of the table have no image_id"),
        (labels(image_id=[7.5, 3, 0, 19, 4, 5]), "'image_id' holds double; expected int32"),
        (labels(image_id=list("abcdef")), "'image_id' holds .*string; expected int32"),
        (labels()[["image_id"]], "no column to join"),
        (labels(meta_human=1), "both become 'meta_human'"),
        (labels(angle=[[1]] * 6), "'angle' holds list<.*>; expected text, numbers or booleans"),
        (labels().rename(columns={"angle": ""}), "has no name"),
        (labels(angle=[1, "x", 2, 3, 4, 5]), "the frame cannot be joined"),
        (pd.DataFrame([[1, 2, 3]], columns=["image_id", "a", "a"]), "Duplicate|two columns 'a'"),
        ("there/is/none.csv", "no such file"),
        ("labels.xlsx", r"expected a name that ends in \.csv, \.parquet"),
    ],
)  # fmt: skip
def test_what_cannot_be_joined_is_said_in_a_line_and_nothing_is_changed(
    folder: SweepFolder, table: pd.DataFrame | str, message: str
) -> None:
    before = (folder.path / "images.parquet").read_bytes()
    with pytest.raises(UserError, match=message) as error:
        join(folder, table)
    assert len(str(error.value).splitlines()) == 1
    assert (folder.path / "images.parquet").read_bytes() == before
    assert folder.verify() == []


def test_an_empty_table_adds_columns_of_nulls(folder: SweepFolder) -> None:
    empty = pa.table({"image_id": pa.array([], pa.int32()), "note": pa.array([], pa.string())})
    join(folder, empty)
    assert folder.read_images(["meta_note"])["meta_note"].null_count == N


def test_images_without_paths_cannot_be_named_by_them(folder: SweepFolder) -> None:
    images = folder.read_images()
    place = images.schema.get_field_index("path")
    manifest = folder.manifest()
    manifest.files["images.parquet"] = folder.write_images(
        images.set_column(place, "path", pa.nulls(N, pa.string()))
    )
    folder.write_manifest(manifest)
    with pytest.raises(UserError, match="have no path; join by image_id"):
        join(folder, pd.DataFrame({"path": ["a"], "note": ["b"]}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "is UTF-16"),
        (b"image_id,a\n1,2\n2,3,4\n", "row 3: 3 columns where the header has 2"),
        (b"", "first line is empty"),
        (b"image_id,a\n1,\xff\n", r"column 'a' is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    folder: SweepFolder, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        join(folder, path)
    assert len(str(error.value).splitlines()) == 1


def test_separators_and_headers_are_read_as_by_an_import(
    folder: SweepFolder, tmp_path: Path
) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\xef\xbb\xbfimage_id; weather ;note\n0;sun;a\n1;rain;b,c\n")
    assert as_table(path).column_names == ["image_id", "weather", "note"]
    assert join(folder, path) == ["meta_weather", "meta_note"]


def test_json_that_is_one_list_is_read_and_any_other_says_what_is_expected(
    folder: SweepFolder, tmp_path: Path
) -> None:
    path = tmp_path / "labels.json"
    labels().to_json(path, orient="records")
    as_list = as_table(path)
    labels().to_json(path, orient="records", lines=True)
    assert as_list.equals(as_table(path))
    path.write_text(json.dumps([1, 2]))
    with pytest.raises(UserError, match="one object a line"):
        join(folder, path)


def test_a_gzipped_file_that_is_none_is_named(folder: SweepFolder, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv.gz"
    path.write_bytes(gzip.compress(b"image_id,a\n1,2\n")[:12])
    with pytest.raises(UserError, match="its gzip is cut off or damaged"):
        join(folder, path)


def test_the_verb_joins_and_verify_still_passes(
    capsys: pytest.CaptureFixture[str], folder: SweepFolder, tmp_path: Path
) -> None:
    path, cache = written(labels(), tmp_path / "people.csv"), str(folder.path.parent)
    assert main(["join", "made", str(path), "--cache", cache]) == 0
    assert "meta_human, meta_annotators" in capsys.readouterr().out
    assert main(["verify", "made", "--cache", cache]) == 0
    assert main(["join", "made", str(path), "--cache", cache]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["join", "made", str(path), "--overwrite", "--cache", cache]) == 0


def test_a_sweep_that_is_being_written_is_not_touched(folder: SweepFolder) -> None:
    with folder.locked(), pytest.raises(UserError, match="being written"):
        join(SweepFolder(folder.path), labels())


def test_a_full_disk_leaves_the_images_as_they_were(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = (folder.path / "images.parquet").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="No space left"):
        join(folder, labels())
    monkeypatch.undo()
    assert (folder.path / "images.parquet").read_bytes() == before
    assert folder.verify() == []


def test_what_was_joined_stays_when_the_images_are_made_anew(folder: SweepFolder) -> None:
    fresh = folder.read_images()
    join(folder, labels())
    kept = keep_joined(folder, fresh)
    assert kept.equals(folder.read_images())
    changed = fresh.set_column(
        fresh.schema.get_field_index("meta_planted"), "meta_planted", pa.array(["new"] * N)
    )
    assert keep_joined(folder, changed)["meta_planted"].to_pylist() == ["new"] * N
    assert keep_joined(folder, fresh.slice(0, 5)).equals(fresh.slice(0, 5))


def test_where_no_images_lie_there_is_nothing_to_keep(folder: SweepFolder) -> None:
    fresh = folder.read_images()
    for damage in (b"garbage", None):
        path = folder.path / "images.parquet"
        path.write_bytes(damage) if damage else path.unlink()
        assert keep_joined(folder, fresh).equals(fresh)


def test_joined_columns_survive_a_resumed_sweep(tmp_path: Path) -> None:
    from analysis.config import parse_variants
    from analysis.store import Cache
    from analysis.sweep.run import run_sweep
    from tests.conftest import small_sweep

    sweep = small_sweep(variants=parse_variants([]), seeds=1, test_limit=40, train_limit=80)
    cache = Cache(tmp_path)
    run_sweep(sweep, cache, n_workers=1, device="cpu")
    join(cache.sweep("small"), pd.DataFrame({"image_id": [3], "human": ["atypical"]}))
    run_sweep(sweep, cache, n_workers=1, device="cpu")
    values = pq.read_table(cache.sweep("small").path / "images.parquet")["meta_human"]
    assert np.flatnonzero(values.is_valid()).tolist() == [3]
    assert cache.sweep("small").verify() == []


# --- a join that was killed ---------------------------------------------------------------------
@pytest.fixture
def killed(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> SweepFolder:
    """A sweep whose join ended once it counted and before any file was at its place."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_move", die)
        with pytest.raises(KeyboardInterrupt):
            join(folder, labels())
    assert folder.verify() == []
    assert folder.image_columns()[-4:] == NAMES  # whoever may only read sees it already
    return folder


def test_the_same_join_again_finishes_a_killed_one(killed: SweepFolder) -> None:
    assert join(killed, labels()) == NAMES
    assert killed.verify() == []
    assert killed.image_columns()[-4:] == NAMES


def test_another_join_keeps_what_a_killed_one_had_brought(killed: SweepFolder) -> None:
    join(killed, labels()[["image_id", "angle"]].rename(columns={"angle": "tilt"}))
    assert killed.verify() == []
    assert killed.image_columns()[-5:] == [*NAMES, "meta_tilt"]


def test_verify_finishes_a_killed_join_and_says_so(
    killed: SweepFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "made", "--cache", str(killed.path.parent)]) == 0
    assert "finished a change that was cut off" in capsys.readouterr().out
    assert killed.verify() == []


def test_images_that_are_damaged_are_no_killed_join(folder: SweepFolder) -> None:
    join(folder, labels())
    folder.write_images(folder.read_images().drop_columns(NAMES))
    assert main(["verify", "made", "--cache", str(folder.path.parent)]) == 1


def test_a_column_of_a_finished_join_is_still_replaced_only_when_asked(killed: SweepFolder) -> None:
    join(killed, labels())
    with pytest.raises(UserError, match="has a column 'meta_human' already"):
        join(killed, labels())


def factors(folder: SweepFolder, prefix: str = "", **changes: object) -> pd.DataFrame:
    """Sixteen factors of every image, as ImageNet-X has them, named by file."""
    paths = folder.read_images(["path"])["path"].to_pylist()
    columns: dict[str, object] = {"file_name": [prefix + path for path in paths]}
    columns |= {f"factor_{i}": np.arange(len(paths)) % (i + 2) == 0 for i in range(16)}
    return pd.DataFrame(columns | changes)


def with_paths(folder: SweepFolder) -> SweepFolder:
    """The same with paths, below test/."""
    images = folder.read_images()
    paths = [f"test/class_{i % 4}/{i:03d}.png" for i in range(len(images))]
    record = folder.write_images(
        images.set_column(images.column_names.index("path"), "path", pa.array(paths, pa.string()))
    )
    manifest = folder.manifest()
    manifest.files["images.parquet"] = record
    folder.write_manifest(manifest)
    return folder


@pytest.mark.parametrize("prefix", ["", "/data/set/", "C:\\set\\"])
def test_a_table_of_many_attributes_is_joined_at_once(
    folder: SweepFolder, tmp_path: Path, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = factors(with_paths(folder), prefix).sample(frac=1, random_state=0)
    path = written(frame, tmp_path / "t.csv")
    words = ["join", folder.name, str(path), "--cache", str(folder.path.parent)]
    assert main([*words, "--map", "path=file_name", "--map", "blur=factor_3"]) == 0
    names = [f"meta_{'blur' if i == 3 else f'factor_{i}'}" for i in range(16)]
    images = folder.read_images(names).to_pydict()
    for i, name in enumerate(names):
        assert images[name] == [place % (i + 2) == 0 for place in range(N)]
    assert ("longest tail" in capsys.readouterr().out) == bool(prefix)
    assert folder.verify() == []


def test_usual_names_of_the_path_are_understood(folder: SweepFolder) -> None:
    said: list[str] = []
    frame = factors(with_paths(folder))
    join(folder, frame.rename(columns={"file_name": "Filename"}), notify=said.append)
    assert said == ["column 'Filename' is used as path; --map path=THEIRS names another one"]
    assert "meta_Filename" not in folder.image_columns()
    both = frame.assign(image=frame["file_name"])
    with pytest.raises(UserError, match="choose one with --map path=file_name or --map path=image"):
        join(folder, both, overwrite=True)
    join(folder, both, overwrite=True, columns={"path": "image"})


def test_rows_of_other_images_are_left_out_when_asked(folder: SweepFolder) -> None:
    frame = factors(with_paths(folder))
    more = pd.concat([frame, frame[:1].assign(file_name="test/class_0/999.png")])
    with pytest.raises(UserError, match=r"no image with path .*999.*--allow-missing"):
        join(folder, more)
    said: list[str] = []
    join(folder, more, allow_missing=True, notify=said.append)
    assert said[-1] == f"left out 1 of {N + 1} rows, which are of other images"
    foreign = frame.assign(file_name=[f"x/{i}.jpg" for i in range(N)])
    with pytest.raises(UserError, match="has no image with path"):
        join(folder, foreign, allow_missing=True, overwrite=True)


def test_ids_that_are_names_of_files_are_mapped(folder: SweepFolder) -> None:
    frame = factors(with_paths(folder)).rename(columns={"file_name": "image_id"})
    frame["image_id"] = [Path(name).name for name in frame["image_id"]]
    with pytest.raises(UserError, match="--map path=image_id"):
        join(folder, frame)
    assert len(join(folder, frame, columns={"path": "image_id"})) == 16


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("path", "expected OURS=THEIRS"),
        ("path=none", "the table has no column 'none'"),
        ("factor_1=factor_2", "has a column 'factor_1' already"),
    ],
)
def test_a_map_that_cannot_be_used(
    folder: SweepFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    item: str,
    expected: str,
) -> None:
    path = written(factors(with_paths(folder)), tmp_path / "t.csv")
    words = ["join", folder.name, str(path), "--cache", str(folder.path.parent)]
    assert main([*words, "--map", item]) == 2
    assert expected in capsys.readouterr().err
