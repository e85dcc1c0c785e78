"""Tables of other tools: a column or a file a model, usual names, other paths, pipelines' lines."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.cli.main import main
from analysis.importing.naming import Naming, choose_columns
from analysis.store import Cache, SweepFolder
from tests.importing.drawn import left_in, predictions, write, write_text

CLASSES = ("zero", "one", "two")
PER_CLASS = 6
N = len(CLASSES) * PER_CLASS


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Pictures in class folders below test/ and, of the same names, below train/."""
    for split in ("train", "test"):
        for place, name in enumerate(names()):
            file = tmp_path / "pictures" / split / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 10 * place).save(file)
    return tmp_path / "pictures"


def names() -> list[str]:
    return [f"{CLASSES[i % 3]}/{i:04d}.png" for i in range(N)]


def scores(variant: str = "dense") -> np.ndarray:
    """Probabilities in the order of CLASSES, which is not the sorted one."""
    generator = np.random.default_rng(len(variant))
    logits = generator.normal(size=(N, 3))
    logits[np.arange(N), np.arange(N) % 3] += 2.5 if variant == "dense" else 1.5
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True)


def guess(variant: str) -> list[str]:
    return [CLASSES[i] for i in scores(variant).argmax(axis=1)]


def wide(prefix: str = "test/") -> pd.DataFrame:
    columns: dict[str, object] = {
        "filepath": [prefix + name for name in names()],
        "ground_truth": [CLASSES[i % 3] for i in range(N)],
    }
    for column, variant in (("fp32", "dense"), ("q", "int8")):
        columns |= {column: guess(variant), f"{column}_conf": scores(variant).max(axis=1)}
    return pd.DataFrame(columns)


def one(variant: str, prefix: str = "test/") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "file_name": [prefix + name for name in names()],
            "predicted_class": guess(variant),
            "predicted_probability": scores(variant).max(axis=1),
        }
    )


def run(cache: Path, *words: str, name: str = "mine") -> SweepFolder:
    assert main(["import", *words, "--name", name, "--cache", str(cache)]) == 0
    return Cache(cache).existing(name)


def refused(capsys: pytest.CaptureFixture[str], cache: Path, *words: str) -> str:
    assert main(["import", *words, "--name", "mine", "--cache", str(cache)]) == 2
    assert left_in(cache) == []
    return capsys.readouterr().err


def found(folder: SweepFolder) -> dict[tuple[str, str], tuple[str, str, float]]:
    """Label, prediction and confidence of each variant and image's last two parts of the path."""
    images = folder.read_images(["path", "label"]).to_pandas()
    classes = folder.manifest().class_names
    frame = predictions(folder, ["prediction", "confidence"])
    return {
        (row.variant_id, "/".join(images["path"][row.image_id].split("/")[-2:])): (
            classes[images["label"][row.image_id]],
            classes[row.prediction],
            round(float(row.confidence), 5),
        )
        for row in frame.itertuples()
    }


def expected() -> dict[tuple[str, str], tuple[str, str, float]]:
    return {
        (variant, name): (
            CLASSES[i % 3],
            guess(variant)[i],
            round(float(scores(variant)[i].max()), 5),
        )
        for variant in ("dense", "int8")
        for i, name in enumerate(names())
    }


WIDE = ("--wide", "dense=fp32", "--wide", "int8=q")
PREFIXES = ("test/", "./test/", "C:\\Users\\me\\data\\test\\", "/home/me/pictures/test/")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_column_a_model_and_paths_of_another_machine(
    tmp_path: Path, pictures: Path, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = wide(prefix)
    frame["filepath"] = (
        frame["filepath"].str.replace("/", "\\") if "\\" in prefix else frame["filepath"]
    )
    path = write(frame, tmp_path / "wide.csv")
    folder = run(tmp_path / "cache", path, *WIDE, "--images", f"folder:{pictures}")
    assert found(folder) == expected()
    said = capsys.readouterr().out
    assert "'filepath' as path, 'ground_truth' as label" in said
    assert ("longest tail" in said) == (prefix[0] in "C/")


def test_a_confidence_of_a_column_a_model_is_found_or_mapped(tmp_path: Path) -> None:
    plain = {"fp32": "fp32", "fp32_conf": "how_sure", "q": "q", "q_conf": "int8_conf"}
    path = write(wide().rename(columns=plain), tmp_path / "wide.parquet")
    folder = run(tmp_path / "cache", path, *WIDE, "--map", "dense_conf=how_sure")
    assert found(folder) == expected()


def test_seeds_of_a_column_a_model(tmp_path: Path) -> None:
    frame = wide().assign(b=guess("int8"))
    path = write(frame, tmp_path / "wide.csv")
    words = ("--wide", "dense=fp32", "--wide", "dense@1=q", "--wide", "int8=b", "--allow-missing")
    folder = run(tmp_path / "cache", path, *words)
    assert sorted((v, s) for v, s, r in folder.manifest().all_runs() if r.state == "done") == [
        ("dense", 0), ("dense", 1), ("int8", 0)
    ]  # fmt: skip


def test_a_file_a_model_and_labels_of_their_own(tmp_path: Path) -> None:
    for suffix in ("csv", "parquet", "jsonl"):
        files = [write(one(v), tmp_path / f"{v}.{suffix}") for v in ("dense", "int8")]
        truth = wide()[["filepath", "ground_truth"]].sample(frac=1, random_state=0)
        labels = write(truth, tmp_path / f"labels.{suffix}")
        words = ("--variant", f"dense={files[0]}", "--variant", f"int8={files[1]}")
        folder = run(tmp_path / "cache", *words, "--labels", labels, name=suffix)
        assert found(folder) == expected()


@pytest.mark.parametrize("form", ["txt pairs", "txt", "npy ids", "npy names", "csv ids"])
def test_every_form_of_labels(tmp_path: Path, form: str) -> None:
    truth = [CLASSES[i % 3] for i in range(N)]
    options: list[str] = []
    if form == "txt pairs":
        text = "\n".join(f"{n} {t}" for n, t in zip(names(), truth, strict=True))
        labels = write_text(tmp_path / "labels.txt", text)
        files = [write(one(v), tmp_path / f"{v}.csv") for v in ("dense", "int8")]
    else:
        files = [
            write(one(v).drop(columns="file_name").assign(image_id=range(N)), tmp_path / f"{v}.csv")
            for v in ("dense", "int8")
        ]
        labels = str(tmp_path / f"labels.{form[:3]}")
        if form == "txt":
            write_text(Path(labels), "\n".join(truth))
        elif form.startswith("npy"):
            np.save(labels, np.array(truth) if "names" in form else np.arange(N) % 3)
        else:
            frame = pd.DataFrame({"image_id": range(N), "target": truth}).sample(frac=1)
            write(frame, Path(labels))
        if form == "npy ids":
            options = ["--classes", write_text(tmp_path / "c.txt", "\n".join(CLASSES))]
    words = ("--variant", f"dense={files[0]}", "--variant", f"int8={files[1]}")
    folder = run(tmp_path / "cache", *words, "--labels", labels, *options)
    label = folder.read_images(["label"])["label"].to_pylist()
    classes = folder.manifest().class_names
    order = np.argsort(names()) if form == "txt pairs" else range(N)
    assert [classes[i] for i in label] == [truth[i] for i in order]


def test_labels_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(one(v), tmp_path / f"{v}.csv") for v in ("dense", "int8")]
    words = ("--variant", f"dense={files[0]}", "--variant", f"int8={files[1]}", "--labels")
    truth = wide()[["filepath", "ground_truth"]]
    cache = tmp_path / "cache"
    part = write(truth[1:], tmp_path / "part.csv")
    assert "part.csv does not say the label of image" in refused(capsys, cache, *words, part)
    twice = write(pd.concat([truth, truth[:1]]), tmp_path / "twice.csv")
    assert "twice" in refused(capsys, cache, *words, twice)
    short = write_text(tmp_path / "short.txt", "zero\none")
    assert "has labels in order, and the predictions name images by path" in refused(
        capsys, cache, *words, short
    )
    assert "no such file" in refused(capsys, cache, *words, str(tmp_path / "none.csv"))
    bare = write(truth[["filepath"]], tmp_path / "bare.csv")
    assert "--map label=THEIRS" in refused(capsys, cache, *words, bare)


def lines(variant: str, top: int = 3, *, bare: bool = False) -> str:
    rows: list[object] = []
    for i, name in enumerate(names()):
        p = scores(variant)[i]
        given = [{"label": CLASSES[c], "score": float(p[c])} for c in np.argsort(-p)[:top]]
        rows.append(given if bare else {"file": f"test/{name}", "scores": given})
    return "\n".join(map(json.dumps, rows))


def files_of(tmp_path: Path, **more: object) -> tuple[str, ...]:
    paths = {v: write_text(tmp_path / f"{v}.jsonl", lines(v, **more)) for v in ("dense", "int8")}  # type: ignore[arg-type]
    return "--variant", f"dense={paths['dense']}", "--variant", f"int8={paths['int8']}"


def test_lines_of_a_pipeline_with_all_scores(tmp_path: Path, pictures: Path) -> None:
    folder = run(tmp_path / "cache", *files_of(tmp_path), "--images", f"folder:{pictures}")
    assert found(folder) == expected()
    columns = ["true_rank", "el2n", "kl_from_dense", "margin", "score_ties"]
    read = pd.read_parquet(folder.prediction_path("int8", 0), columns=columns)
    assert read.notna().all().all()


@pytest.mark.parametrize("indent", [None, 2])
def test_one_list_of_a_pipeline_is_read_as_its_lines(
    tmp_path: Path, pictures: Path, indent: int | None
) -> None:
    words = []
    for variant in ("dense", "int8"):
        records = [json.loads(line) for line in lines(variant).splitlines()]
        path = write_text(tmp_path / f"{variant}.json", json.dumps(records, indent=indent))
        words += ["--variant", f"{variant}={path}"]
    folder = run(tmp_path / "cache", *words, "--images", f"folder:{pictures}")
    assert found(folder) == expected()
    labels = write_text(tmp_path / "y.txt", "\n".join(CLASSES[i % 3] for i in range(N)))
    lists = [json.loads(line) for line in lines("dense", bare=True).splitlines()]
    path = write_text(tmp_path / "lists.json", json.dumps(lists, indent=indent))
    words = ["--variant", f"dense={path}", "--labels", labels]
    read = predictions(run(tmp_path / "cache", *words, name="lists"), ["prediction"])
    assert [sorted(CLASSES)[i] for i in read["prediction"]] == guess("dense")


def test_lines_of_a_pipeline_with_the_first_few_scores(tmp_path: Path, pictures: Path) -> None:
    words = files_of(tmp_path, top=2)
    folder = run(tmp_path / "cache", *words, "--images", f"folder:{pictures}")
    assert found(folder) == expected()
    read = pd.read_parquet(folder.prediction_path("int8", 0), columns=["true_rank", "el2n"])
    assert read.isna().all().all()


def test_the_true_confidence_is_known_where_the_true_class_is_among_the_first(
    tmp_path: Path,
) -> None:
    rows = [json.loads(line) for line in lines("dense", 2).splitlines()]
    for i, row in enumerate(rows):
        row["label"] = CLASSES[i % 3]
    path = write_text(tmp_path / "dense.jsonl", "\n".join(map(json.dumps, rows)))
    folder = run(tmp_path / "cache", "--variant", f"dense={path}")
    read = predictions(folder, ["true_confidence"])["true_confidence"].to_numpy()
    by_path = np.argsort(names())
    is_among = (np.argsort(-scores("dense"))[:, :2] == (np.arange(N) % 3)[:, None]).any(axis=1)
    assert np.array_equal(~np.isnan(read), is_among[by_path])


def test_lines_of_lists_alone_are_the_images_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = write_text(tmp_path / "y.txt", "\n".join(CLASSES[i % 3] for i in range(N)))
    folder = run(tmp_path / "cache", *files_of(tmp_path, bare=True), "--labels", labels)
    classes = folder.manifest().class_names
    read = predictions(folder, ["prediction"])
    dense = read.loc[read["variant_id"] == "dense", "prediction"]
    assert [classes[i] for i in dense] == guess("dense")
    assert "rows name no image; they are the images in order" in capsys.readouterr().out


def test_lines_of_a_pipeline_that_names_no_classes(tmp_path: Path) -> None:
    text = lines("dense", bare=True)
    for i, name in enumerate(CLASSES):
        text = text.replace(f'"{name}"', f'"LABEL_{i}"')
    path = write_text(tmp_path / "dense.jsonl", text)
    labels = write_text(tmp_path / "y.txt", "\n".join(str(i % 3) for i in range(N)))
    folder = run(tmp_path / "cache", "--variant", f"dense={path}", "--labels", labels)
    read = predictions(folder, ["prediction"])["prediction"].tolist()
    assert read == scores("dense").argmax(axis=1).tolist()


@pytest.mark.parametrize(
    "columns",
    [
        "file_name,truth,pred,score",
        "Filename,Target,predicted_label,conf",
        "image,true_label,prediction,probability",
        "path,label,predicted_class,predicted_probability",
        "filepath,ground_truth,Predicted_Label,Confidence",
    ],
)
def test_usual_names_are_understood(columns: str) -> None:
    given = choose_columns(Path("t.csv"), columns.split(","), Naming(), has_run=True).columns
    ours = ("path", "label", "prediction", "confidence")
    assert [given[one] for one in ours] == columns.split(",")


@pytest.mark.parametrize(
    ("columns", "ours", "either"),
    [
        ("file,image,label,pred", "path", "--map path=file or --map path=image"),
        ("file,truth,target,pred", "label", "--map label=truth or --map label=target"),
        ("file,truth,pred,predicted_class", "prediction", "--map prediction=pred"),
        ("file,truth,pred,score,conf", "confidence", "--map confidence=score"),
    ],
)  # fmt: skip
def test_two_candidates_are_a_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], columns: str, ours: str, either: str
) -> None:
    row = ",".join("0.5" if one in ("score", "conf") else "a" for one in columns.split(","))
    path = write_text(tmp_path / "t.csv", f"{columns}\n{row}\n")
    message = refused(capsys, tmp_path / "cache", "--variant", f"dense={path}")
    assert f"can each be the column '{ours}'" in message
    assert either in message
    mend = either.split(" or ")[0].split()
    run(tmp_path / "cache", "--variant", f"dense={path}", *mend)


def test_a_score_that_is_no_confidence_can_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_text(tmp_path / "t.csv", "file,truth,pred,score\na,b,b,7.5\n")
    words = ("--variant", f"dense={path}")
    assert "'confidence' is 7.5" in refused(capsys, tmp_path / "cache", *words)
    run(tmp_path / "cache", *words, "--map", "confidence=")


def test_what_is_called_dense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.concat([one("dense").assign(variant_id="fp32"), one("int8").assign(variant_id="q")])
    frame = frame.assign(label=[CLASSES[i % 3] for i in range(N)] * 2)
    path = write(frame, tmp_path / "t.csv")
    assert "name it with --dense NAME" in refused(capsys, tmp_path / "cache", path)
    folder = run(tmp_path / "cache", path, "--dense", "fp32")
    assert [one.variant_id for one in folder.manifest().variants] == ["dense", "q"]


def test_paths_that_cannot_be_told_apart(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = ("--images", f"folder:{pictures}")
    path = write(wide(prefix=""), tmp_path / "wide.csv")
    message = refused(capsys, tmp_path / "cache", path, *WIDE, *images)
    assert "'zero/0000.png', whose tail fits several images" in message
    folder = run(tmp_path / "cache", path, *WIDE, *images, "--split", "test")
    assert found(folder) == expected()


def test_a_train_split_is_never_taken_for_the_test_split(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(wide(prefix="/data/train/"), tmp_path / "wide.csv")
    images = ("--images", f"folder:{pictures}", "--split", "test")
    assert "which is not an image" in refused(capsys, tmp_path / "cache", path, *WIDE, *images)


def test_files_whose_paths_begin_otherwise_are_of_the_same_images(tmp_path: Path) -> None:
    truth = wide()["ground_truth"]
    dense = one("dense").assign(truth=truth)
    int8 = one("int8", prefix="/elsewhere/test/").assign(truth=truth)
    files = [write(dense, tmp_path / "a.csv"), write(int8, tmp_path / "b.csv")]
    folder = run(
        tmp_path / "cache", "--variant", f"dense={files[0]}", "--variant", f"int8={files[1]}"
    )
    assert found(folder) == expected()


def test_check_says_what_would_come_in_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(wide(), tmp_path / "wide.csv")
    words = ["import", path, *WIDE, "--name", "mine", "--cache", str(tmp_path / "cache")]
    assert main([*words, "--check"]) == 0
    assert left_in(tmp_path / "cache") == []
    said = capsys.readouterr().out
    assert f"mine: would import 2 runs of 2 variants on {N} images of 3 classes" in said
    assert main(words) == 0
    before = left_in(tmp_path / "cache")
    assert main([*words, "--check", "--overwrite"]) == 0
    assert left_in(tmp_path / "cache") == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "no files; expected FILES"),
        (("--variant", "dense"), "expected VARIANT[@SEED]=FILE"),
        (("--variant", "dense@x=a.csv"), "expected VARIANT[@SEED]=FILE"),
        (("--variant", "dense=a.csv", "--variant", "dense=b.csv"), "'dense' occurs twice"),
        (("t.csv", "--wide", "dense"), "expected VARIANT[@SEED]=COLUMN"),
        (("t.csv", "--wide", "dense=none"), "t.csv has no column 'none' (--wide dense=none)"),
        (("t.csv", "--wide", "dense=fp32", "--map", "int8_conf=x"), "no --wide int8=COLUMN"),
        (("t.csv", "--paths", "p.txt", *WIDE), "goes with .npy or .npz"),
        (("t.csv", "--split", "test", *WIDE), "expected with --images"),
        (("t.csv", "--classes", "none.txt", *WIDE), "--classes none.txt: no such file"),
        (("t.csv", "--features", "none.npy", *WIDE), "none.npy"),
    ],
)
def test_options_that_cannot_be_used(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(wide(), Path("t.csv"))
    assert expected in refused(capsys, tmp_path / "cache", *words)
