"""Arrays of scores: what they are, whose classes they have, and what is no answer."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.cli.main import main
from analysis.outputs.prediction import rank_of_no_answer
from analysis.results import SweepResults
from analysis.store import Cache, SweepFolder
from tests.importing.drawn import left_in, softmax, write_text

NAMES = ("zero", "one", "two")
N = 60
LABEL = np.arange(N) % 3
RNG_STEP = 1 / 256


def logits(variant: str = "dense", n_classes: int = 3) -> np.ndarray:
    generator = np.random.default_rng(len(variant))
    scores = generator.normal(size=(N, n_classes))
    scores[np.arange(N), LABEL] += 3.0
    return scores


def imported(cache: Path, *words: str, name: str = "mine") -> SweepFolder:
    assert main(["import", *words, "--name", name, "--cache", str(cache)]) == 0
    return Cache(cache).existing(name)


def refused(capsys: pytest.CaptureFixture[str], cache: Path, *words: str) -> str:
    assert main(["import", *words, "--name", "mine", "--cache", str(cache)]) == 2
    assert left_in(cache) == []
    return capsys.readouterr().err


def npz(folder: Path, **parts: np.ndarray) -> str:
    path = folder / "dense__seed-0.npz"
    np.savez(path, **{"labels": LABEL} | parts)
    return str(path)


def npy(folder: Path, scores: np.ndarray, *more: str, name: str = "dense") -> tuple[str, ...]:
    """Words of an import of one array with its labels."""
    np.save(folder / f"{name}.npy", scores)
    np.save(folder / "labels.npy", LABEL)
    file, labels = folder / f"{name}.npy", folder / "labels.npy"
    return "--variant", f"{name}={file}", "--labels", str(labels), *more


def dense(folder: SweepFolder) -> pd.DataFrame:
    return pd.read_parquet(folder.prediction_path("dense", 0))


# --- what scores are --------------------------------------------------------------------------
@pytest.mark.parametrize("member", ["logits", "probabilities"])
def test_probabilities_are_seen_whatever_they_are_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], member: str
) -> None:
    p = softmax(logits())
    found = dense(imported(tmp_path / "cache", npz(tmp_path, **{member: p})))
    assert np.allclose(found["confidence"], p.max(axis=1), atol=1e-6)
    said = "used as probabilities (--scores logits uses them as logits)"
    assert (said in capsys.readouterr().out) == (member == "logits")
    path = npz(tmp_path, **{member: p})
    words = (path, "--scores", "logits", "--overwrite")
    found = dense(imported(tmp_path / "cache", *words))
    assert np.allclose(found["confidence"], softmax(p).max(axis=1), atol=1e-6)


def test_what_scores_are_is_decided_over_all_rows(tmp_path: Path) -> None:
    n = 400_000  # more than one block of rows
    scores = np.full((n, 3), 1 / 3, np.float32)
    scores[-1] = (-4, 1, 9)
    path = tmp_path / "dense__seed-0.npz"
    np.savez(path, logits=scores, labels=np.zeros(n, np.int64))
    found = dense(imported(tmp_path / "cache", str(path), "--accept-classes"))
    expected = softmax(scores[-1:]).max()
    assert found["confidence"].iloc[-1] == pytest.approx(expected, abs=1e-6)
    assert found["confidence"].iloc[0] == pytest.approx(1 / 3, abs=1e-6)


def test_quantized_probabilities_are_made_to_sum_to_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(N, 100)) * 2
    scores[np.arange(N), LABEL] += 4
    p = np.round(softmax(scores) / RNG_STEP) * RNG_STEP
    assert (np.abs(p.sum(axis=1) - 1) > 0.05).any()
    found = dense(imported(tmp_path / "cache", npz(tmp_path, logits=p)))
    assert np.allclose(found["confidence"], p.max(axis=1) / p.sum(axis=1), atol=1e-6)
    said = capsys.readouterr().out
    assert "are quantized" in said
    zeros = int((p[np.arange(N), LABEL] == 0).sum())
    assert ("probability of 0 in dense, seed 0" in said) == bool(zeros)


def test_a_probability_of_0_leaves_the_others_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    p = np.zeros((N, 1000))
    p[np.arange(N), LABEL] = 0.75
    p[np.arange(N), LABEL + 5] = 0.25
    p[0] = np.eye(1000)[900]
    found = dense(imported(tmp_path / "cache", npz(tmp_path, probabilities=p)))
    assert np.allclose(found["confidence"], p.max(axis=1))
    assert 0 < found["true_confidence"][0] <= 1 / 512
    assert np.allclose(found["true_confidence"][1:], 0.75)
    assert "1 image whose true class has a probability of 0 in dense" in capsys.readouterr().out


@pytest.mark.parametrize("member", ["logits", "probabilities"])
def test_scores_of_several_labels_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], member: str
) -> None:
    path = npz(tmp_path, **{member: 1 / (1 + np.exp(-logits()))})
    message = refused(capsys, tmp_path / "cache", path)
    assert "multi-label" in message
    assert "--scores logits" in message
    imported(tmp_path / "cache", path, "--scores", "logits")


def test_what_is_called_probabilities_and_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = npz(tmp_path, probabilities=logits())
    assert "are no probabilities" in refused(capsys, tmp_path / "cache", path)
    words = npy(tmp_path, logits(), "--scores", "probabilities")
    assert "are no probabilities" in refused(capsys, tmp_path / "cache", *words)


@pytest.mark.parametrize("kind", ["probabilities", "logits", "flat"])
def test_one_output_is_that_of_the_second_of_two_classes(tmp_path: Path, kind: str) -> None:
    z = np.where(LABEL > 0, 2.0, -2.0) + np.random.default_rng(0).normal(size=N)
    p = 1 / (1 + np.exp(-z))
    given = {"probabilities": p[:, None], "logits": z[:, None], "flat": p}[kind]
    labels = tmp_path / "y.npy"
    np.save(labels, (LABEL > 0).astype(int))
    np.save(tmp_path / "dense.npy", given)
    words = ("--variant", f"dense={tmp_path / 'dense.npy'}", "--labels", str(labels))
    found = dense(imported(tmp_path / "cache", *words))
    assert found["prediction"].tolist() == (p > 0.5).astype(int).tolist()
    assert np.allclose(found["confidence"], np.maximum(p, 1 - p), atol=1e-6)


@pytest.mark.parametrize("shape", [(N, 3, 1, 1), (N, 1, 3), (1, N, 3)])
def test_axes_of_length_1_are_dropped(tmp_path: Path, shape: tuple[int, ...]) -> None:
    found = dense(imported(tmp_path / "cache", *npy(tmp_path, logits().reshape(shape))))
    assert found["prediction"].tolist() == logits().argmax(axis=1).tolist()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.float16, np.float32, ">f4", np.int8])
def test_every_type_of_npy(tmp_path: Path, kind: object, order: str) -> None:
    scores = np.array(np.round(logits() * 4), kind, order=order)  # type: ignore[call-overload]
    more = ("--scores", "logits") if kind is np.int8 else ()  # nothing says their scale
    found = dense(imported(tmp_path / "cache", *npy(tmp_path, scores, *more)))
    assert found["prediction"].tolist() == scores.argmax(axis=1).tolist()


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.float32])
def test_labels_alone_are_predictions_alone(tmp_path: Path, kind: type) -> None:
    guess = logits().argmax(axis=1).astype(kind)
    more = ("--scores", "labels") if kind is np.float32 else ()
    found = dense(imported(tmp_path / "cache", *npy(tmp_path, guess, *more)))
    assert found["prediction"].tolist() == guess.tolist()
    assert found[["confidence", "true_rank", "el2n", "score_ties"]].isna().all().all()
    path = npz(tmp_path, prediction=guess.astype(int))
    found = dense(imported(tmp_path / "cache", path, name="npz"))
    assert found["prediction"].tolist() == guess.tolist()


def test_ties_of_the_largest_score_are_counted(tmp_path: Path) -> None:
    scores = np.round(logits() / 2)
    found = dense(imported(tmp_path / "cache", *npy(tmp_path, scores)))
    ties = (scores == scores.max(axis=1, keepdims=True)).sum(axis=1)
    assert ties.max() > 1
    assert found["score_ties"].tolist() == ties.tolist()


# --- no answer --------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("are_probabilities", [False, True])
def test_scores_that_are_not_finite_are_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: float, are_probabilities: bool
) -> None:
    scores = softmax(logits()) if are_probabilities else logits()
    scores[3, 1] = value
    scores[5] = value
    folder = imported(tmp_path / "cache", *npy(tmp_path, scores))
    found = dense(folder)
    assert found["prediction"][[3, 5]].tolist() == [-1, -1]
    assert found["true_rank"][[3, 5]].tolist() == [rank_of_no_answer(3)] * 2
    assert found.loc[[3, 5], ["confidence", "true_confidence", "el2n"]].isna().all().all()
    assert (found["prediction"].drop([3, 5]) >= 0).all()
    assert "2 images without an answer in dense, seed 0 (2)" in capsys.readouterr().out
    right = scores.argmax(axis=1) == LABEL
    right[[3, 5]] = False
    assert SweepResults(folder).runs()["top1"][0] == pytest.approx(right.mean())


@pytest.mark.parametrize("as_names", [False, True])
@pytest.mark.parametrize("empty", ["", "NaN", "None", "-1"])
@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_prediction_that_is_missing_is_no_answer(
    tmp_path: Path, suffix: str, empty: str, as_names: bool
) -> None:
    guess: list[object] = [NAMES[i] if as_names else int(i) for i in logits().argmax(axis=1)]
    gone: object = empty if suffix == "csv" or as_names else None if empty == "" else float("nan")
    guess[7] = gone
    frame = pd.DataFrame({"image_id": range(N), "variant_id": "dense", "confidence": 0.5})
    frame["label"] = [NAMES[i] if as_names else i for i in LABEL]
    frame["prediction"] = guess
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    found = dense(imported(tmp_path / "cache", str(path)))
    assert found["prediction"][7] == -1
    assert found["true_rank"][7] == rank_of_no_answer(3)
    assert np.isnan(found["confidence"][7])
    assert (found["prediction"].drop(7) >= 0).all()
    assert found["confidence"].drop(7).notna().all()


def test_a_class_may_be_called_none(tmp_path: Path) -> None:
    text = "image_id,label,variant_id,prediction\n" + "".join(
        f"{i},{'none' if i % 2 else 'some'},dense,none\n" for i in range(8)
    )
    folder = imported(tmp_path / "cache", write_text(tmp_path / "t.csv", text))
    assert folder.manifest().class_names == ["none", "some"]
    assert dense(folder)["prediction"].tolist() == [0] * 8


# --- whose classes ----------------------------------------------------------------------------
def test_columns_of_scores_are_never_put_in_a_guessed_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = npz(tmp_path, logits=logits(), labels=np.array(NAMES)[LABEL])
    assert "--classes FILE names them" in refused(capsys, tmp_path / "cache", path)
    classes = write_text(tmp_path / "classes.txt", "\n".join(NAMES))
    folder = imported(tmp_path / "cache", path, "--classes", classes)
    assert folder.manifest().class_names == list(NAMES)
    assert dense(folder)["prediction"].tolist() == logits().argmax(axis=1).tolist()


FORMS = {
    "c.txt": "Zero\nONE\ntwo\n",
    "list.json": '["zero", "one", "two"]',
    "places.json": '{"0": "zero", "1": "one", "2": "two"}',
    "class_indices.json": '{"two": 2, "one": 1, "zero": 0}',
    "config.json": '{"id2label": {"0": "zero", "1": "one", "2": "two"}, "x": 1}',
}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for i in range(N):
        file = tmp_path / "pictures" / "test" / NAMES[LABEL[i]] / f"{i:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), i).save(file)
        other = tmp_path / "pictures" / "train" / NAMES[LABEL[i]] / f"{i:03d}.png"
        other.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 255 - i).save(other)
    return tmp_path / "pictures"


def keras(tmp_path: Path, pictures: Path, scores: np.ndarray) -> tuple[str, ...]:
    """Words of an import of what ``predict`` gives, without the classes."""
    names = [f"{NAMES[LABEL[i]]}/{i:03d}.png" for i in range(N)]
    np.save(tmp_path / "dense.npy", scores)
    paths = write_text(tmp_path / "filenames.txt", "\n".join(names))
    return (
        "--variant", f"dense={tmp_path / 'dense.npy'}", "--paths", paths, "--images",
        f"folder:{pictures}", "--split", "test",
    )  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_class_names(tmp_path: Path, pictures: Path, name: str) -> None:
    words = keras(tmp_path, pictures, logits())
    classes = write_text(tmp_path / name, FORMS[name])
    folder = imported(tmp_path / "cache", *words, "--classes", classes)
    assert folder.manifest().class_names == list(NAMES)
    images = folder.read_images(["path", "label"]).to_pandas()
    place = [int(Path(path).stem) for path in images["path"]]
    assert images["label"].tolist() == LABEL[place].tolist()
    assert dense(folder)["prediction"].tolist() == logits().argmax(axis=1)[place].tolist()
    assert (
        dense(folder)["true_rank"].eq(0).tolist()
        == (logits().argmax(axis=1)[place] == LABEL[place]).tolist()
    )


def test_the_order_of_classes_is_checked(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = keras(tmp_path, pictures, logits())  # whose order is not that of the folders
    message = refused(capsys, tmp_path / "cache", *words)
    assert "the outputs seem to be in another order" in message
    assert message.rstrip().endswith("zero\none\ntwo")
    capsys.readouterr()
    imported(tmp_path / "cache", *words, "--accept-classes")
    assert "(--accept-classes)" in capsys.readouterr().out
    classes = write_text(tmp_path / "mended.txt", "\n".join(message.splitlines()[-3:]))
    folder = imported(tmp_path / "cache", *words, "--classes", classes, name="mended")
    assert dense(folder)["true_rank"].eq(0).mean() > 0.8


def test_labels_in_the_order_of_the_outputs_are_told_whose_order_is_read(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*keras(tmp_path, pictures, logits()), "--classes"]
    words.append(write_text(tmp_path / "c.txt", "\n".join(NAMES)))
    np.save(tmp_path / "labels.npy", LABEL)
    message = refused(capsys, tmp_path / "cache", *words, "--labels", f"{tmp_path / 'labels.npy'}")
    assert "expected one label an image everywhere" in message
    assert "read in the order of the classes of --images" in message
    assert "give the labels as names, or leave them out" in message
    names = write_text(tmp_path / "labels.txt", "\n".join(NAMES[i] for i in LABEL))
    folder = imported(tmp_path / "cache", *words, "--labels", names)
    assert dense(folder)["true_rank"].eq(0).mean() > 0.8


def test_a_model_with_more_classes_than_the_images(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = np.c_[np.full(N, -9.0), logits()]
    scores[4] = (9, 0, 0, 0)
    words = keras(tmp_path, pictures, scores)
    message = refused(capsys, tmp_path / "cache", *words)
    assert "--classes FILE" in message
    assert "--label-offset 1" in message
    classes = write_text(tmp_path / "c.txt", "background\nzero\none\ntwo")
    folder = imported(tmp_path / "cache", *words, "--classes", classes)
    assert folder.manifest().class_names == ["background", "zero", "one", "two"]
    assert sorted(set(folder.read_images(["label"])["label"].to_pylist())) == [1, 2, 3]
    assert (dense(folder)["prediction"] == 0).sum() == 1
    assert len(SweepResults(folder).runs()) == 1


def test_an_offset_of_labels(tmp_path: Path) -> None:
    scores = np.c_[np.full(N, -9.0), logits()]
    words = npy(tmp_path, scores, "--label-offset", "1")
    folder = imported(tmp_path / "cache", *words)
    assert folder.manifest().class_names == ["output 0", "0", "1", "2"]
    assert dense(folder)["true_rank"].eq(0).mean() > 0.8


def test_a_second_import_may_have_its_classes_in_another_order(tmp_path: Path) -> None:
    frame = pd.DataFrame({"image_id": range(N), "label": [NAMES[i] for i in LABEL]})
    frame["prediction"] = [NAMES[i] for i in logits().argmax(axis=1)]
    frame.assign(variant_id="dense").to_csv(tmp_path / "t.csv", index=False)
    imported(tmp_path / "cache", str(tmp_path / "t.csv"))
    np.save(tmp_path / "q.npy", logits())
    classes = write_text(tmp_path / "c.txt", "\n".join(NAMES))
    words = ("--variant", f"int8={tmp_path / 'q.npy'}", "--classes", classes)
    folder = imported(tmp_path / "cache", *words)
    assert folder.manifest().class_names == sorted(NAMES)
    found = pd.read_parquet(folder.prediction_path("int8", 0))
    assert found["prediction"].tolist() == dense(folder)["prediction"].tolist()
    assert found["true_rank"].eq(0).tolist() == (logits().argmax(axis=1) == LABEL).tolist()


def test_names_of_classes_are_compared_without_case(tmp_path: Path) -> None:
    text = "image_id,label,variant_id,prediction\n0,tiger cat,dense,Tiger_Cat\n1,dog,dense,Dog\n"
    folder = imported(tmp_path / "cache", write_text(tmp_path / "t.csv", text))
    assert folder.manifest().class_names == ["dog", "tiger cat"]
    assert dense(folder)["prediction"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zero\none\n", "has 3 outputs, and --classes"),
        ("zero\n\ntwo\n", "line 2 is empty"),
        ("nought\none\ntwo\n", "is called 'zero'"),
    ],
)
def test_class_names_that_do_not_fit(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    words = keras(tmp_path, pictures, logits())
    classes = write_text(tmp_path / "c.txt", text)
    assert expected in refused(capsys, tmp_path / "cache", *words, "--classes", classes)


def test_paths_that_do_not_fit(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = list(keras(tmp_path, pictures, logits()))
    paths = Path(words[words.index("--paths") + 1])
    lines = paths.read_text().splitlines()
    for changed, expected in (
        (lines[:-1], "60 rows, and --paths"),
        ([*lines[:-1], lines[0]], "is repeated"),
        ([*lines[:-1], "two/none.png"], "which is not an image of"),
        ([*lines[:-1], ""], "59 lines"),
    ):
        paths.write_text("\n".join(changed))
        assert expected in refused(capsys, tmp_path / "cache", *words)


# --- features ---------------------------------------------------------------------------------
def test_features_are_kept_with_the_images(tmp_path: Path, pictures: Path) -> None:
    features = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)
    np.save(tmp_path / "features.npy", features)
    classes = write_text(tmp_path / "c.txt", "\n".join(NAMES))
    words = (*keras(tmp_path, pictures, logits()), "--classes", classes)
    folder = imported(tmp_path / "cache", *words, "--features", str(tmp_path / "features.npy"))
    assert folder.verify() == []
    found = pd.read_parquet(folder.path / "features.parquet")
    assert list(found.columns) == ["image_id", "f0", "f1", "f2", "f3", "f4"]
    paths = folder.read_images(["path"])["path"].to_pylist()
    place = [int(Path(path).stem) for path in paths]
    assert np.allclose(found.drop(columns="image_id"), features[place], atol=1e-2)
    assert found["image_id"].tolist() == list(range(N))


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (np.ones((N - 1, 4)), "has 59 rows, and there are 60 images"),
        (np.where(np.eye(N) > 0, np.nan, 1.0), "row 0, column 0 is nan; expected finite"),
        (np.full((N, 2), 1e9), "expected at most 65,504"),
        (np.array([["a"]] * N), "expected numbers"),
        (np.ones((N, 2, 2)), "has the shape"),
    ],
)
def test_features_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], features: np.ndarray, expected: str
) -> None:
    np.save(tmp_path / "features.npy", features)
    words = npy(tmp_path, logits(), "--features", str(tmp_path / "features.npy"))
    assert expected in refused(capsys, tmp_path / "cache", *words)


def test_npy_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "cache"
    np.save(tmp_path / "objects.npy", np.array([{}] * N), allow_pickle=True)
    (tmp_path / "short.npy").write_bytes((tmp_path / "objects.npy").read_bytes()[:40])
    np.save(tmp_path / "deep.npy", np.ones((N, 2, 2)))
    np.save(tmp_path / "labels.npy", LABEL)
    for name, expected in (
        ("objects", "never unpickled"), ("short", "cannot be read as .npy"), ("deep", "the shape"),
    ):  # fmt: skip
        words = ("--variant", f"dense={tmp_path / name}.npy")
        assert "has no labels" in refused(capsys, cache, *words)
        labels = ("--labels", str(tmp_path / "labels.npy"))
        assert expected in refused(capsys, cache, *words, *labels)
