"""``remedy SWEEP layers`` of trained sweeps, its table in the sweep, and layers left in float."""

import json
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import Future
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from analysis.cli.main import main
from analysis.compression.registry import check_variant, method
from analysis.config import Training, parse_variants
from analysis.errors import UserError
from analysis.presentation.layer_findings import chosen_set
from analysis.results import SweepResults
from analysis.stats.layers import ranking_half
from analysis.store import Cache, SweepFolder
from analysis.sweep.layers import judge
from analysis.sweep.run import run_sweep
from analysis.training.messages import Layer, LayerAnswer
from tests.compressing import images, striped_images, tiny_spec, trained, trained_run
from tests.conftest import made_once, small_sweep


# --- the grammar -----------------------------------------------------------------------------
def test_layers_in_float_are_part_of_the_key_and_of_the_method() -> None:
    (_, one) = parse_variants(["int8-static~float:fc,conv1,fc"])
    assert one.variant_id == one.method == "int8-static~float~conv1,fc"
    assert parse_variants([one.variant_id])[1] == one
    assert parse_variants(["int8-static~float:conv1,fc"])[1] == one
    (_, both) = parse_variants(["magnitude=0.9+int8-weight~float:a.0"])
    assert both.variant_id == "magnitude-0.90+int8-weight~float~a.0"
    check_variant(both)


@pytest.mark.parametrize(
    "layers",
    ["", "a,,b", "../up", "a/b", "a:b", "a b", ".", "..", "a..b", "<b>", "a\nb", "x" * 200],
)
def test_names_that_can_be_no_layer_are_refused(layers: str) -> None:
    with pytest.raises(UserError, match="variant 'int8-static~float"):
        parse_variants([f"int8-static~float:{layers}"])


def test_a_method_that_leaves_no_layer_in_float_is_refused() -> None:
    with pytest.raises(UserError, match=r"expected one of .*int8-static"):
        check_variant(parse_variants(["magnitude=0.9~float:fc"])[1])


@pytest.mark.parametrize("name", ["int8-static", "int8-dynamic", "int8-weight", "int4-weight",
                                  "float16", "bfloat16"])  # fmt: skip
def test_a_layer_in_float_adds_its_bytes_and_bits(name: str) -> None:
    given, data = trained_run(trained(tiny_spec(), striped_images()), tiny_spec()), striped_images()
    work = method(name).work
    whole, kept = (
        work(replace(given, float_layers=f), images(data)) for f in ((), ("features.3",))
    )
    n, layer = 9 * 16 + 144 * 32 + 288 * 64 + 64 * 4, 144 * 32
    bits = whole.weight_bits
    assert kept.weight_bits == pytest.approx((bits * (n - layer) + 32 * layer) / n)
    # Scales and zero points of the layer are not stored any more; a bias has 32 bits either way.
    added = layer * (32 - bits) / 8
    assert added - 500 <= kept.size_bytes - whole.size_bytes <= added
    every = work(
        replace(given, float_layers=("features.0", "features.3", "features.6", "fc")), images(data)
    )
    assert every.weight_bits == 32
    if name.startswith(("int8-weight", "int4", "int8-dynamic")):
        dense = given.onnx_model()
        import onnxruntime

        expected = onnxruntime.InferenceSession(dense.SerializeToString()).run(
            None, {"images": images(data)}
        )[0]
        assert np.allclose(every.predict(images(data)), expected, atol=1e-3)


def test_an_unknown_layer_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status = main(["sweep", "--dataset", "digits", "--variants", "int8-static~float:fcc",
                   "--seeds", "1", "--cache", str(tmp_path)])  # fmt: skip
    assert status == 2
    assert "has no layer 'fcc'; expected a convolution or linear layer, such as fc" in (
        capsys.readouterr().err
    )
    assert list(tmp_path.iterdir()) == []


# --- the search ------------------------------------------------------------------------------
def planted(culprit: int, restored: int = 30) -> tuple[object, list[tuple[str, ...]]]:
    """An evaluation in which one layer gives images back, and the sets that it was asked for."""
    asked: list[tuple[str, ...]] = []

    def evaluate(names: tuple[str, ...]) -> "Future[LayerAnswer]":
        asked.append(names)
        prediction = np.zeros(200, np.int64)
        prediction[:40] = 1  # forgotten
        if f"layer{culprit}" in names:
            prediction[:restored] = 0
        future: Future[LayerAnswer] = Future()
        future.set_result(LayerAnswer(prediction, 1000 + 10 * len(names)))
        return future

    return evaluate, asked


@pytest.mark.parametrize("n_layers", [1, 2, 3, 4, 53])
def test_at_most_layers_and_five_are_evaluated(n_layers: int) -> None:
    evaluate, asked = planted(n_layers // 2)
    layers = [Layer(f"layer{i}", f"node{i}") for i in range(n_layers)]
    zeros = np.zeros(200, np.int64)
    told: list[tuple[int, int]] = []
    found = judge(("int8", 0), layers, evaluate, zeros, zeros,  # type: ignore[arg-type]
                  progress=lambda _, done, total: told.append((done, total)))  # fmt: skip
    assert len(asked) == len(set(asked)) <= n_layers + 5
    assert told[-1] == (len(asked), len(asked))
    first = found.table.iloc[0]
    assert first["layer"] == f"layer{n_layers // 2}"
    assert json.loads(first["nodes"]) == [f"node{n_layers // 2}"]
    assert found.table["bytes_added"].tolist() == [
        10 * k for k in [1] * n_layers + list(range(2, min(4, n_layers) + 1))
    ]
    sets = [json.loads(cell) for cell in found.table["layers"][n_layers:]]
    assert all(set(a) < set(b) for a, b in pairwise(sets))
    assert chosen_set(found.table)["k"] == 1  # more of them give no more back


def test_images_that_are_too_few_to_halve_are_refused() -> None:
    evaluate, asked = planted(0)
    label = np.zeros(200, np.int64)
    label[1:40] = 1
    with pytest.raises(UserError, match="forgot 1 of 200 images"):
        judge(("int8", 0), [Layer("a")], evaluate, label, np.zeros(200, np.int64),  # type: ignore[arg-type]
              progress=lambda *_: None)  # fmt: skip
    assert asked == [()]


# --- a trained sweep -------------------------------------------------------------------------
@pytest.fixture(scope="session")
def pruned_once(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """A sweep pruned once after training, and its layers looked at. Do not change it."""

    def make(root: Path) -> None:
        variants = parse_variants(["magnitude=0.7", "structured=0.5", "int8-static"])
        training = Training(epochs=3, schedule="oneshot")
        run_sweep(small_sweep(variants=variants, training=training), Cache(root), n_workers=1,
                  device="cpu")  # fmt: skip
        assert main(["remedy", "small", "layers", "--variant", "magnitude-0.70", "--cache",
                     str(root), "--workers", "1", "--out", str(root / "out")]) == 0  # fmt: skip

    return Cache(made_once(tmp_path_factory, "pruned-once", make)).sweep("small")


@pytest.fixture
def mine(pruned_once: SweepFolder, tmp_path: Path) -> SweepFolder:
    shutil.copytree(pruned_once.path, tmp_path / "small")
    return Cache(tmp_path).sweep("small")


def test_the_layers_of_a_run_pruned_once_are_those_of_its_model(pruned_once: SweepFolder) -> None:
    table = SweepResults(pruned_once).layers("magnitude-0.70")
    singles = table[table["k"] == 1]
    assert set(singles["layer"]) == {"features.0", "features.3", "features.6"}
    assert set(table["k"]) == {1, 2, 3}
    last = table.iloc[-1]  # every pruned layer is dense again
    assert last["top1"] == last["dense_top1"]
    assert last["forgotten_restored"] == 1
    removed = {name: round(0.7 * n) for name, n in
               (("features.0", 144), ("features.3", 4608), ("features.6", 18432))}  # fmt: skip
    assert dict(zip(singles["layer"], singles["bytes_added"], strict=True)) == {
        name: 4 * n for name, n in removed.items()
    }
    assert (pruned_once.path.parent / "out" / "layers.csv").is_file()
    assert not (pruned_once.path.parent / "out" / "quantize.py").exists()  # nothing is quantized


def test_the_table_is_a_file_of_the_sweep(mine: SweepFolder) -> None:
    assert mine.verify() == []
    path = mine.path / "layers" / "magnitude-0.70.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert any("damaged: layers/magnitude-0.70.parquet" in line for line in mine.verify())


def test_more_runs_keep_the_table_and_another_run_drops_it(
    mine: SweepFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    before = SweepResults(mine).layers("magnitude-0.70")
    training = Training(epochs=3, schedule="oneshot")
    variants = parse_variants(["magnitude=0.7", "structured=0.5", "int8-static"])
    sweep = small_sweep(variants=variants, training=training, seeds=3)
    run_sweep(sweep, Cache(mine.path.parent), n_workers=1, device="cpu")
    assert SweepResults(mine).layers().equals(before)
    assert mine.verify() == []

    mine.prediction_path("magnitude-0.70", 0).unlink()
    manifest = mine.manifest()
    shutil.copy(
        mine.prediction_path("magnitude-0.70", 1), mine.prediction_path("magnitude-0.70", 0)
    )
    name = mine.relative(mine.prediction_path("magnitude-0.70", 0))
    manifest.files[name] = mine.record(mine.prediction_path("magnitude-0.70", 0), 200)
    mine.write_manifest(manifest)
    assert SweepResults(mine).layers().empty
    status = main(["export", "small", "layers", "--cache", str(mine.path.parent)])
    command = capsys.readouterr().err.splitlines()[-1].split()
    assert status == 2
    assert command[:6] == ["python", "-m", "analysis", "remedy", "small", "layers"]
    assert command[-2:] == ["--cache", str(mine.path.parent)]
    run_sweep(sweep, Cache(mine.path.parent), n_workers=1, device="cpu")
    assert not (mine.path / "layers" / "magnitude-0.70.parquet").exists()
    assert mine.verify() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variant", "structured-0.50"], "fewer channels than those of dense"),
        (["--variant", "dense"], "it is the float model itself"),
        (["--variant", "nope"], "no variant 'nope'"),
        (["--variant", "magnitude-0.70", "--seed", "7"], "--seed 7: expected one of 0, 1"),
        (["--variant", "magnitude-0.70", "--workers", "0"], "--workers 0"),
        ([], "--variant is missing"),
    ],
)
def test_what_has_no_layers_to_put_back_is_refused(
    pruned_once: SweepFolder, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    cache = str(pruned_once.path.parent)
    assert main(["remedy", "small", "layers", "--cache", cache, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_run_trained_after_pruning_is_refused(
    swept: SweepFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["remedy", "small", "layers", "--cache", str(swept.path.parent), "--variant"]
    assert main([*arguments, "magnitude-0.90"]) == 2
    message = capsys.readouterr().err
    assert "so that its weights are its own; expected " in message
    assert "int8-static" in message


def test_the_lists_quantize_again_and_the_printed_command_makes_the_variant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Trained for so short that quantization costs answers.
    arguments = ["sweep", "--dataset", "digits", "--variants", "int8-static", "--seeds", "1",
                 "--name", "short", "--epochs", "2", "--lr", "0.02", "--train-limit", "400",
                 "--calibration-images", "4", "--cache", str(tmp_path),
                 "--workers", "1"]  # fmt: skip
    assert main(arguments) == 0
    capsys.readouterr()
    out = tmp_path / "a b"
    assert main(["remedy", "short", "layers", "--variant", "int8-static", "--cache", str(tmp_path),
                 "--out", str(out), "--workers", "1"]) == 0  # fmt: skip
    said = capsys.readouterr().out
    table = SweepResults(Cache(tmp_path).sweep("short")).layers("int8-static")
    lists = json.loads((out / "nodes_to_exclude.json").read_text())
    assert lists["nodes_to_exclude"] == json.loads(chosen_set(table)["nodes"])
    assert json.loads((out / "nncf_ignored_scope.json").read_text()) == {
        "names": lists["nodes_to_exclude"]
    }
    subprocess.run(
        [sys.executable, "quantize.py", "float.onnx", "again.onnx", "calibration.npy"],
        cwd=out, check=True, capture_output=True,
    )  # fmt: skip
    assert (out / "again.onnx").stat().st_size < (out / "float.onnx").stat().st_size

    command = shlex.split(said.splitlines()[-1])
    assert command[:3] == ["python", "-m", "analysis"]
    assert main([*command[3:], "--workers", "1"]) == 0
    results = SweepResults(Cache(tmp_path).sweep("short"))
    made = next(one for one in results.variant_ids if "~float~" in one)
    right = {
        one: results.population(one).prediction[0] == results.label
        for one in ("dense", "int8-static", made)
    }
    runs = results.runs().set_index("variant_id")["size_bytes"]
    best = chosen_set(table)
    assert runs[made] - runs["int8-static"] == best["bytes_added"]
    assert results.folder.verify() == []
    # It answers as it did in the search, on the half that the table is of.
    half = ranking_half(right["dense"] & ~right["int8-static"])
    assert right[made][~half].mean() == best["top1"]
    assert results.layers("int8-static").equals(table)
