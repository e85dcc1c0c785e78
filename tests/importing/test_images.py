"""Pictures from a dataset: matched by path, else by place; whole, whatever its splits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.cli.main import main
from analysis.store import SweepFolder
from analysis.store.manifest import LeftOut
from tests.importing.drawn import imported, predictions, write

ANIMALS = ("cat", "dog")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 12 pictures in two classes; the class is the folder."""
    for i in range(12):
        folder = tmp_path / "pictures" / ANIMALS[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9 + i, 8), (20 * i, 100, 0)).save(folder / f"{i:02d}.png")
    return tmp_path / "pictures"


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """The same with a train and a test split, 8 and 4 pictures."""
    for i in range(12):
        folder = tmp_path / "split" / ("test" if i >= 8 else "train") / ANIMALS[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9 + i, 8), (20 * i, 100, 0)).save(folder / f"{i:02d}.png")
    return tmp_path / "split"


def paths(folder: Path, below: str = "") -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in (folder / below).rglob("*.png"))


def frame_of(names: list[str], *, key: str = "path") -> pd.DataFrame:
    """Predictions that are wrong on every fifth image, by path or by place."""
    parts = []
    for variant in ("dense", "int8-static"):
        label = [name.split("/")[-2] for name in names]
        wrong = [ANIMALS[1 - ANIMALS.index(one)] for one in label]
        guess = [w if i % 5 == 0 else t for i, (t, w) in enumerate(zip(label, wrong, strict=True))]
        images = names if key == "path" else range(len(names))
        parts.append(
            pd.DataFrame(
                {key: images, "label": label, "seed": 0, "variant_id": variant, "prediction": guess}
            )
        )
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=3)


def refused(capsys: pytest.CaptureFixture[str], cache: Path, *arguments: str) -> str:
    assert main(["import", *arguments, "--name", "mine", "--cache", str(cache)]) == 2
    assert not (cache / "mine").exists()
    return capsys.readouterr().err


def guesses(folder: SweepFolder) -> dict[str, int]:
    """Prediction of dense by path."""
    images = folder.read_images(["path"])["path"].to_pylist()
    found = predictions(folder, ["prediction"])
    return dict(zip(images, found.loc[found["variant_id"] == "dense", "prediction"], strict=True))


def expected(frame: pd.DataFrame) -> dict[str, int]:
    dense = frame[frame["variant_id"] == "dense"]
    return {p: ANIMALS.index(c) for p, c in zip(dense["path"], dense["prediction"], strict=True)}


def test_pictures_are_matched_by_path(tmp_path: Path, pictures: Path) -> None:
    frame = frame_of(paths(pictures))
    options = ("--images", f"folder:{pictures}")
    folder = imported(tmp_path / "cache", write(frame, tmp_path / "t.csv"), options=options)
    images = folder.read_images().to_pylist()
    assert [row["path"] for row in images] == paths(pictures)
    assert [row["width"] for row in images] == [9 + int(Path(p).stem) for p in paths(pictures)]
    assert all(row["image"]["bytes"].startswith(b"\x89PNG") for row in images)
    assert guesses(folder) == expected(frame)
    assert folder.manifest().class_names == ["cat", "dog"]
    assert folder.verify() == []


def test_pictures_are_matched_by_place_in_the_whole_unsplit(tmp_path: Path, pictures: Path) -> None:
    names = paths(pictures)
    options = ("--images", f"folder:{pictures}")
    path = write(frame_of(names, key="image_id"), tmp_path / "t.csv")
    folder = imported(tmp_path / "cache", path, options=options)
    assert guesses(folder) == expected(frame_of(names))


def test_ids_and_names_may_be_mixed_where_images_say_the_classes(
    tmp_path: Path, pictures: Path
) -> None:
    frame = frame_of(paths(pictures))
    mixed = frame.assign(prediction=[ANIMALS.index(one) for one in frame["prediction"]])
    options = ("--images", f"folder:{pictures}")
    folder = imported(tmp_path / "cache", write(mixed, tmp_path / "t.csv"), options=options)
    assert guesses(folder) == expected(frame)


def test_a_split_of_the_dataset_is_recognised(
    tmp_path: Path, split: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--images", f"folder:{split}")
    whole, tests = paths(split, "train") + paths(split, "test"), paths(split, "test")
    for names, key, name in (
        (whole, "path", "a"),
        (whole, "image_id", "b"),
        (tests, "path", "c"),
        (tests, "image_id", "d"),
    ):
        path = write(frame_of(names, key=key), tmp_path / f"{name}.csv")
        folder = imported(tmp_path / "cache", path, name=name, options=options)
        assert guesses(folder) == expected(frame_of(names))
        said = capsys.readouterr().out
        assert ("test split" in said) == (names == tests)
        assert "in no run" not in said
        assert folder.manifest().left_out == []


def test_images_that_no_run_has(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = frame_of(paths(pictures))
    gone = paths(pictures)[3]
    path = write(frame[frame["path"] != gone], tmp_path / "t.csv")
    options = ("--images", f"folder:{pictures}")
    assert f"no run has image '{gone}' of" in refused(capsys, tmp_path / "cache", path, *options)
    folder = imported(tmp_path / "cache", path, options=(*options, "--allow-missing"))
    assert guesses(folder) == {k: v for k, v in expected(frame).items() if k != gone}
    assert folder.manifest().left_out == [LeftOut(gone, "is in no run")]


def test_what_does_not_fit_the_pictures(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache, options = tmp_path / "cache", ("--images", f"folder:{pictures}")
    frame = frame_of(paths(pictures)).reset_index(drop=True)
    other = frame.replace({"path": {frame["path"][2]: "cat/none.png"}})
    message = refused(capsys, cache, write(other, tmp_path / "a.csv"), *options)
    assert "column 'path' is 'cat/none.png', which is not an image of --images folder:" in message
    other = frame.replace({"label": {"cat": "dog", "dog": "cat"}})
    message = refused(capsys, cache, write(other, tmp_path / "b.csv"), *options)
    assert "column 'label' of image" in message
    assert "in --images folder:" in message
    other = frame.replace({"prediction": {"cat": "wolf"}})
    message = refused(capsys, cache, write(other, tmp_path / "c.csv"), *options)
    assert "column 'prediction' is 'wolf', which is not a class of --images folder:" in message
    message = refused(capsys, cache, write(frame, tmp_path / "d.csv"), "--images", "digits")
    assert "have no paths" in message or "not a class of --images digits" in message


def test_a_picture_that_cannot_be_shown_keeps_its_predictions(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = paths(pictures)
    (pictures / names[1]).write_bytes(b"no picture")
    options = ("--images", f"folder:{pictures}")
    path = write(frame_of(names), tmp_path / "t.csv")
    folder = imported(tmp_path / "cache", path, options=options)
    images = folder.read_images().to_pylist()
    assert [row["image"] is None for row in images] == [i == 1 for i in range(12)]
    (entry,) = folder.manifest().left_out
    assert entry.file == names[1]
    assert "1 images cannot be shown" in capsys.readouterr().out


def test_later_imports_name_the_same_pictures(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache, options = tmp_path / "cache", ("--images", f"folder:{pictures}")
    frame = frame_of(paths(pictures))
    imported(cache, write(frame, tmp_path / "a.csv"), options=options)
    more = frame[frame["variant_id"] == "dense"].replace("dense", "float16")
    imported(cache, write(more, tmp_path / "b.csv"), options=options)
    folder = imported(cache, write(more.replace("float16", "bfloat16"), tmp_path / "c.csv"))
    assert folder.manifest().n_done == 4
    Image.new("RGB", (9, 8)).save(pictures / "cat" / "more.png")
    command = ["import", str(tmp_path / "c.csv"), "--name", "mine", "--cache", str(cache), *options]
    assert main(command) == 2
    assert "was imported with other images" in capsys.readouterr().err


def test_paths_without_pictures(tmp_path: Path) -> None:
    names = [f"{ANIMALS[i % 2]}/{i}.png" for i in range(12)]
    frame = frame_of(names)
    folder = imported(tmp_path / "cache", write(frame, tmp_path / "t.csv"))
    assert folder.read_images()["path"].to_pylist() == sorted(names)
    assert guesses(folder) == expected(frame)
    # Other ids than places are names as well.
    ids = frame.assign(path=[1000 + 7 * int(Path(p).stem) for p in frame["path"]])
    ids = ids.rename(columns={"path": "image_id"})
    folder = imported(
        tmp_path / "cache", write(ids, tmp_path / "u.csv"), name="ids",
        options=("--map", "path=image_id"),
    )  # fmt: skip
    assert len(folder.read_images()) == 12


def test_paths_beside_ids_are_kept_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{ANIMALS[i % 2]}/{i}.png" for i in range(12)]
    frame = frame_of(names)
    frame["image_id"] = [names.index(path) for path in frame["path"]]
    folder = imported(tmp_path / "cache", write(frame, tmp_path / "t.csv"))
    assert folder.read_images()["path"].to_pylist() == names
    assert guesses(folder) == expected(frame)
    frame = frame.reset_index(drop=True)
    frame.loc[5, "path"] = "cat/elsewhere.png"
    message = refused(capsys, tmp_path / "other", write(frame, tmp_path / "u.csv"))
    assert "column 'path' of image" in message


def test_digits_are_matched_by_place(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    label = load_digits().target
    frame = pd.DataFrame({"image_id": np.arange(len(label)), "label": label, "seed": 0,
                          "variant_id": "dense", "prediction": label})  # fmt: skip
    options = ("--images", "digits")
    folder = imported(tmp_path / "cache", write(frame, tmp_path / "t.csv"), options=options)
    assert folder.read_images(["label"])["label"].to_pylist() == label.tolist()
