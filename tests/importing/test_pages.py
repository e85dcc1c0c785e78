"""Every page, every figure and the report of an imported sweep; the examples of the docs."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from analysis.cli.main import main
from analysis.figures.curves import metric_curve, metric_curve_info
from analysis.results import SweepResults
from analysis.store import Cache
from tests.importing.drawn import RUNS, imported, named, table, write, write_scores

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "", "gallery", "classes", "curves", "compare", "attributes", "image", "export", "annotate",
    "robustness",
)  # fmt: skip
HOSTILE = {"ant": "<script>alert(1)</script>", "bee": "=1+1", "cat": "**bold** $x$"}


@pytest.mark.parametrize("kind", ["one pair", "two runs", "without confidence"])
def test_every_page_shows_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    st.cache_resource.clear()
    if kind == "one pair":
        imported(tmp_path, *write_scores(tmp_path / "npz", tuple(r for r in RUNS if not r[1])))
    else:
        frame = named(table()).replace(HOSTILE)
        if kind == "without confidence":
            frame = frame[["image_id", "label", "seed", "variant_id", "prediction"]]
        imported(tmp_path, write(frame, tmp_path / "t.csv"))
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path))
    for page in PAGES:
        app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=60)
        app._page_hash = calc_hash(page)
        app.run()
        assert not app.exception, (page, [one.value for one in app.exception])
        assert not app.error, (page, [one.value for one in app.error])
        assert app.title[0].value == (page or "overview").capitalize()
        if page == "robustness":
            assert "its predictions were imported" in app.info[0].value


def test_curves_stand_at_the_sparsity_that_was_asked(tmp_path: Path) -> None:
    curves = SweepResults(imported(tmp_path, write(table(), tmp_path / "t.csv"))).curves()
    info = metric_curve_info(curves)
    assert info.pruned["magnitude"]["sparsity"].tolist() == [0.9]
    assert metric_curve(curves).layout.xaxis.title.text.startswith("Sparsity, or its target")
    measured = curves.assign(sparsity=curves["target_sparsity"] - 0.01)
    assert metric_curve_info(measured).pruned["magnitude"]["sparsity"].tolist() == [
        pytest.approx(0.89)
    ]
    assert metric_curve(measured).layout.xaxis.title.text.startswith("Measured sparsity")


def test_tables_and_report_of_an_import(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    imported(cache, write(named(table()).replace(HOSTILE), tmp_path / "t.csv"))
    sections = [word for name in ("found", "variants", "made") for word in ("--section", name)]
    words = ["report", "mine", "--out", str(tmp_path / "r"), "--cache", str(cache), *sections]
    assert main(words) == 0
    (page,) = (tmp_path / "r").glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "imported predictions" in text
    assert "<script>alert(1)" not in text


def test_the_table_of_the_docs_is_imported_as_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "importing.md").read_text(encoding="utf-8")
    rows = re.search(r"```text\n(file,truth.*?)```", text, re.DOTALL)
    command = re.search(r"lethe (import results\.csv.*?)```", text, re.DOTALL)
    assert rows is not None
    assert command is not None
    (tmp_path / "results.csv").write_text(rows[1], encoding="utf-8")
    for path in re.findall(r"^([^,\n]+\.png)", rows[1], re.MULTILINE):
        (tmp_path / "pictures" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "pictures" / path)
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(command[1].replace("\\\n", " "))) == 0
    folder = Cache("cache").existing("mine")
    assert folder.manifest().class_names == ["cat", "dog"]
    assert "its runs have seed 0" in capsys.readouterr().out


def test_the_script_of_the_docs_predicts_what_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx")
    import io
    import runpy
    import sys

    import pandas as pd

    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (7, 4, 4, 3)).astype(np.uint8)
    rows = []
    for i, pixels in enumerate(pictures):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        rows.append({"image": {"bytes": buffer.getvalue(), "path": None}, "label": i % 3})
    pd.DataFrame(rows).to_parquet(tmp_path / "test.parquet", index=False)
    weight = generator.normal(size=(48, 3)).astype(np.float32)
    make = onnx.helper
    graph = make.make_graph(
        [make.make_node("Flatten", ["images"], ["flat"]),
         make.make_node("MatMul", ["flat", "weight"], ["logits"])],
        "linear",
        [make.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["n", 3, 4, 4])],
        [make.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 3])],
        [onnx.numpy_helper.from_array(weight, "weight")],
    )  # fmt: skip
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    script = str(ROOT / "docs" / "predict_onnx.py")
    monkeypatch.setattr(sys, "argv", [script, "net.onnx", "test.parquet", "dense__seed-0.npz"])
    runpy.run_path(script, run_name="__main__")
    folder = imported(
        Path("cache"), "dense__seed-0.npz", options=("--images", "parquet:test.parquet")
    )
    flat = (pictures.astype(np.float32) / 255).transpose(0, 3, 1, 2).reshape(7, 48)
    expected = (flat @ weight).argmax(axis=1)
    found = folder.read_population("dense", ["prediction"], [0], 7).prediction[0]
    assert found.tolist() == expected.tolist()
