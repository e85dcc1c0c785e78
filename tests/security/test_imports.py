"""Files to be imported that mean harm: they are read as they are, or refused, and run nothing."""

import json
from pathlib import Path

import pandas as pd
import pytest

from analysis.cli.main import main
from analysis.results import SweepResults
from analysis.store import Cache
from tests.importing.drawn import left_in
from tests.security.hostile import STRINGS, TEXTS
from tests.security.test_files import UNSEEN

# A number is a class id and no name, nan no class, and blanks around a name are not part of it.
NO_NAMES = (STRINGS["number"], STRINGS["nothing"])
NAMES = tuple(text for text in TEXTS if text == text.strip() and text not in NO_NAMES)
N = 4 * len(NAMES)


def rows() -> pd.DataFrame:
    """Every string as a class, in a path, and as a column of no use."""
    label = [NAMES[i % len(NAMES)] for i in range(N)]
    frames = []
    for variant, step in (("dense", 0), ("int8", 1)):
        frame = pd.DataFrame({"path": [f"{name}/{i}.png" for i, name in enumerate(label)]})
        frame["label"] = label
        frame["prediction"] = [NAMES[(i + step * (i % 5 == 0)) % len(NAMES)] for i in range(N)]
        frames.append(frame.assign(variant_id=variant, seed=0))
    return pd.concat(frames, ignore_index=True).assign(**{TEXTS[0]: 1, STRINGS["control"]: 2})


def write(path: Path, frame: pd.DataFrame) -> str:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".csv":
        frame.to_csv(path, index=False, lineterminator="\n")
    else:
        frame.to_json(path, orient="records", lines=True)
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_names_are_read_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    cache, frame = tmp_path / "cache", rows()
    file = write(tmp_path / f"rows{suffix}", frame)
    status = main(["import", file, "--name", "mine", "--cache", str(cache)])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert not UNSEEN.search(said.out + said.err)
    folder = Cache(cache).existing("mine")
    assert folder.manifest().class_names == sorted(NAMES)
    images = folder.read_images(["path", "label"]).to_pandas()
    # Separators of Windows are taken for those of elsewhere.
    assert list(images["path"]) == sorted(frame["path"].str.replace("\\", "/").unique())
    results = SweepResults(folder)
    assert results.pairs()["flips_to_wrong"].tolist() == [len(range(0, N, 5))]
    assert sorted(results.classes("int8")["class_name"]) == sorted(NAMES)
    # Nothing is called after what a file says.
    assert all("struck" not in name and "passwd" not in name for name in left_in(cache))
    assert not list(tmp_path.rglob("struck*"))


RUNS = [
    (column, text) for column in ("variant_id", "seed") for text in TEXTS
    if (column, text) != ("seed", STRINGS["number"])
]  # fmt: skip


@pytest.mark.parametrize(("column", "text"), RUNS)
def test_no_run_is_named_by_a_text_that_is_no_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str, text: str
) -> None:
    frame, cache = rows(), tmp_path / "cache"
    frame[column] = frame[column].astype(object)
    frame.loc[frame["variant_id"] == "int8", column] = text
    file = write(tmp_path / "rows.parquet", frame.astype({column: str}))
    status = main(["import", file, "--name", "mine", "--cache", str(cache)])
    said = capsys.readouterr().err
    if status == 0:
        made = SweepResults(Cache(cache).existing("mine")).variant_ids
        assert column == "variant_id"
        assert made == ["dense", text]
        return
    assert status == 2
    assert said.count("\n") == 1
    assert "rows.parquet" in said
    assert not UNSEEN.search(said)
    assert left_in(cache) == []


@pytest.mark.parametrize(
    "words",
    [
        ["--map", f"label={STRINGS['control']}"],
        ["--map", STRINGS["control"]],
        ["--images", f"folder:{STRINGS['control']}"],
        ["--images", STRINGS["control"]],
        ["--name", STRINGS["control"]],
        ["--name", STRINGS["up"]],
    ],
)
def test_options_are_not_obeyed_by_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    file, cache = write(tmp_path / "rows.csv", rows()), tmp_path / "cache"
    assert main(["import", file, "--name", "mine", "--cache", str(cache), *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert not UNSEEN.search(said)
    assert left_in(cache) == []


@pytest.mark.parametrize("name", ["\x1b[31mred.csv", "left\u202eright.npz", "bell\x07.jsonl"])
def test_files_of_odd_names_are_named_legibly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / name).write_text("nothing of use\n")
    cache = tmp_path / "cache"
    assert main(["import", str(tmp_path / name), "--name", "mine", "--cache", str(cache)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert not UNSEEN.search(said)
    assert left_in(cache) == []


def test_what_was_not_read_is_told_once_and_legibly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, cache = write(tmp_path / "rows.parquet", rows()), tmp_path / "cache"
    assert main(["import", file, "--name", "mine", "--cache", str(cache)]) == 0
    capsys.readouterr()
    assert main(["show", "mine", "--cache", str(cache)]) == 0
    assert not UNSEEN.search(capsys.readouterr().out)
    notes = json.loads((cache / "mine" / "manifest.json").read_text())["dataset"]["notes"]
    assert sum("that are ignored" in note for note in notes) == 1
