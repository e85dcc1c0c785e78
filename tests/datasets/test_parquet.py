"""``parquet:`` and ``hf:``: Hugging Face's image layout from files, a folder, or ``datasets``."""

import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from analysis.datasets import open_dataset
from analysis.errors import UserError

ROOT = Path(__file__).parent.parent.parent
_HAS_DATASETS = importlib.util.find_spec("datasets") is not None


def _png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (5, 4), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


def _table(labels: list[object], *, start: int = 0, names: list[str] | None = None) -> pa.Table:
    images = [{"bytes": _png(start + i), "path": f"{start + i}.png"} for i in range(len(labels))]
    table = pa.table({"image": images, "label": labels, "age": list(range(len(labels)))})
    if names is not None:
        features = {
            "image": {"_type": "Image"},
            "label": {"names": names, "_type": "ClassLabel"},
            "age": {"dtype": "int64", "_type": "Value"},
        }
        info = json.dumps({"info": {"features": features}}).encode()
        table = table.replace_schema_metadata({b"huggingface": info})
    return table


def test_class_names_come_from_the_schema(tmp_path: Path) -> None:
    for split, start in (("train", 0), ("test", 50)):
        table = _table([2, 0, 2, 0], start=start, names=["ant", "bee", "cow"])
        pq.write_table(table, tmp_path / f"{split}-00000-of-00001.parquet")
    dataset = open_dataset(f"parquet:{tmp_path}")
    assert dataset.class_names == ("ant", "bee", "cow")
    assert dataset.test.labels.tolist() == [2, 0, 2, 0]
    assert list(dataset.test.paths or ()) == ["50.png", "51.png", "52.png", "53.png"]
    assert np.asarray(dataset.test.images[1])[0, 0].tolist() == [51, 51, 51]
    assert dataset.test.metadata is not None
    assert dataset.test.metadata["meta_age"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([7, 3, 3, 7] * 5, ("3", "7")),
        (["dog", "cat", "cat", "dog"] * 5, ("cat", "dog")),
        (pa.array(["dog", "cat", "cat", "dog"] * 5).dictionary_encode(), ("cat", "dog")),
    ],
)
def test_one_file_is_split_by_class_and_names_come_from_the_labels(
    tmp_path: Path, labels: list[object], names: tuple[str, ...]
) -> None:
    pq.write_table(_table(labels), tmp_path / "pictures.parquet")
    dataset = open_dataset(f"parquet:{tmp_path / 'pictures.parquet'}")
    assert dataset.class_names == names
    assert np.bincount(dataset.train.labels).tolist() == [7, 7]
    assert np.bincount(dataset.test.labels).tolist() == [3, 3]
    assert open_dataset(f"parquet:{tmp_path}").fingerprint() == dataset.fingerprint()


def test_a_split_may_be_a_folder_and_validation_stands_in_for_test(tmp_path: Path) -> None:
    for name, start in (("train/0000", 0), ("train/0001", 20), ("validation/0000", 40)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pq.write_table(_table(["a", "b"] * 3, start=start), tmp_path / f"{name}.parquet")
    dataset = open_dataset(f"parquet:{tmp_path}")
    assert (len(dataset.train), len(dataset.test)) == (12, 6)
    pq.write_table(_table(["a", "b"], start=60), tmp_path / "test.parquet")
    dataset = open_dataset(f"parquet:{tmp_path}")
    assert len(dataset.test) == 2
    assert [entry["file"] for entry in dataset.left_out] == ["validation/0000.parquet"]


def test_rows_without_a_class_are_left_out_and_named(tmp_path: Path) -> None:
    pq.write_table(_table([0, 1, -1, 0, 1, None], names=["a", "b"]), tmp_path / "train.parquet")
    pq.write_table(_table([0, 1], names=["a", "b"]), tmp_path / "test.parquet")
    dataset = open_dataset(f"parquet:{tmp_path}")
    assert dataset.train.labels.tolist() == [0, 1, 0, 1]
    assert {entry["file"]: entry["reason"] for entry in dataset.left_out} == {
        "2.png": "has label -1, which is not a class", "5.png": "has no label",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"picture": [1], "label": [1]}), "has no column image or img"),
        (pa.table({"image": [1], "label": [1]}), "not a struct with 'bytes'"),
        (_table([1, 1, 1]), "fewer than two classes"),
        (_table(["a", "b"], names=["a", "b"]), "must hold class ids"),
    ],
)
def test_another_layout_is_refused_with_a_reason(
    tmp_path: Path, table: pa.Table, message: str
) -> None:
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(UserError, match=message):
        open_dataset(f"parquet:{tmp_path}")


@pytest.mark.parametrize("spec", ["parquet", "parquet:/there/is/none", "hf"])
def test_a_place_that_is_missing_is_said(spec: str) -> None:
    with pytest.raises(UserError, match=r"needs a|no such file"):
        open_dataset(spec)


def _hf_folder(root: Path, kind: str) -> None:
    if kind == "parquet":
        for split, start in (("train", 0), ("test", 50)):
            table = _table([1, 0, 1, 0], start=start, names=["ant", "bee"])
            pq.write_table(table, root / f"{split}.parquet")
        return
    for split, start in (("train", 0), ("test", 50)):
        for i, name in enumerate(("bee", "ant", "bee", "ant")):
            path = root / split / name / f"{start + i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_png(start + i))


@pytest.mark.skipif(not _HAS_DATASETS, reason="the extra 'datasets' is not installed")
@pytest.mark.parametrize("kind", ["parquet", "imagefolder"])
def test_datasets_loads_a_local_folder_offline(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    (tmp_path / "data").mkdir()
    _hf_folder(tmp_path / "data", kind)
    dataset = open_dataset(f"hf:{tmp_path / 'data'}")
    assert dataset.class_names == ("ant", "bee")
    shades = {
        int(np.asarray(dataset.test.images[i])[0, 0, 0]): int(dataset.test.labels[i])
        for i in range(len(dataset.test))
    }
    assert shades == {50: 1, 51: 0, 52: 1, 53: 0}


def _open_in_a_process(spec: str, before: str) -> tuple[str, float]:
    """The last line it says, and its seconds without those that the start of Python takes."""
    code = (
        f"{before}\nimport time\nfrom analysis.datasets import open_dataset\n"
        f"started = time.monotonic()\ntry: open_dataset({spec!r})\n"
        "finally: print(time.monotonic() - started)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    return done.stderr.strip().splitlines()[-1], float(done.stdout.strip().splitlines()[-1])


def test_without_datasets_the_message_says_what_to_install() -> None:
    message, _ = _open_in_a_process("hf:cifar100", "import sys; sys.modules['datasets'] = None")
    assert message.endswith("python -m pip install datasets")


@pytest.mark.skipif(not _HAS_DATASETS, reason="the extra 'datasets' is not installed")
def test_without_a_network_that_is_said_within_seconds() -> None:
    # An address that answers nothing, and nobody's word that there is no network.
    before = (
        "import os; os.environ.pop('HF_HUB_OFFLINE', None)\n"
        "for name in [*os.environ]:\n"
        "    if name.lower().endswith('_proxy'): del os.environ[name]\n"
        "os.environ['HF_ENDPOINT'] = 'http://192.0.2.1'"
    )
    message, seconds = _open_in_a_process("hf:nobody/nothing-of-that-name", before)
    assert "the Hugging Face Hub cannot be reached" in message
    assert seconds < 15
