"""A model that never ends is ended, named, and its run has failed; the others go on."""

import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from analysis.errors import RunError
from analysis.execution.local import local_pool
from analysis.external.evaluate import ended_after, timed
from analysis.external.model import Loaded
from analysis.store import Cache
from tests.given.nets import sweep, write_linear

FOREVER = 2**62


def write_endless(path: Path) -> Path:
    """Write the linear classifier with a loop in front that goes round as good as for ever."""
    write_linear(path)
    model = onnx.load(path)
    number = helper.make_tensor_value_info("round", TensorProto.INT64, [])
    goes_on = helper.make_tensor_value_info("goes_on", TensorProto.BOOL, [])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["goes_on"], ["goes_on_still"]),
            helper.make_node("Identity", ["inside"], ["next"]),
        ],
        "body",
        [number, goes_on, helper.make_tensor_value_info("inside", TensorProto.FLOAT, None)],
        [
            helper.make_tensor_value_info("goes_on_still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    for node in model.graph.node:
        node.input[:] = ["turned" if name == "images" else name for name in node.input]
    model.graph.node.insert(
        0, helper.make_node("Loop", ["rounds", "", "images"], ["turned"], body=body)
    )
    model.graph.initializer.append(helper.make_tensor("rounds", TensorProto.INT64, [], [FOREVER]))
    onnx.save(model, path)
    return path


def test_a_graph_that_never_ends_is_refused_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_linear(Path("net.onnx"))
    write_endless(Path("round.onnx"))
    assert sweep("--models", "dense=net.onnx", "slim=round.onnx", "--time-limit", "5") == 3
    said = capsys.readouterr().err
    assert "slim=round.onnx: it took longer than --time-limit allows" in said
    assert "0 for none" in said
    assert not Cache("cache").names()


def test_a_model_that_hangs_later_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_linear(Path("net.onnx"))
    # It takes one image alone where it is tried, and hangs where its latency is measured.
    code = (
        "import time, pathlib, numpy as np\n"
        "tried = pathlib.Path(__file__).with_name('tried')\n"
        "def slim():\n"
        "    def run(images):\n"
        "        if images.shape[0] == 1:\n"
        "            while tried.exists():\n"
        "                time.sleep(1)\n"
        "            tried.touch()\n"
        "        return np.eye(10, dtype=np.float32)[np.zeros(len(images), int)]\n"
        "    return run\n"
    )
    Path("hanging.py").write_text(code)
    assert sweep("--models", "dense=net.onnx", "slim=hanging:slim", "--time-limit", "5") == 3
    manifest = Cache("cache").sweep("mine").manifest()
    assert manifest.run("dense", 0).state == "done"
    assert manifest.run("slim", 0).state == "failed"
    assert "it took longer than --time-limit allows" in (manifest.run("slim", 0).error or "")


def _hang(seconds: float) -> None:
    with ended_after(seconds):
        while True:
            time.sleep(1)


def _in_time() -> str:
    with ended_after(600):
        pass
    with ended_after(0):
        return "in time"


def _nothing(*_: object) -> None:
    pass


def test_a_worker_that_is_overdue_is_ended_once_and_not_tried_again() -> None:
    with local_pool(1, _nothing, (), overdue="over a limit of 1 s") as pool:
        others = pool.submit(_in_time)
        hanging = pool.submit(_hang, 0.2)
        after = pool.submit(_in_time)
        with pytest.raises(RunError, match="over a limit of 1 s"):
            hanging.result()
        assert [others.result(), after.result()] == ["in time", "in time"]


def test_without_a_limit_a_model_is_as_it_was() -> None:
    loaded = Loaded(lambda given: {"0": given}, "")
    assert timed(loaded, 0) is loaded
    assert timed(loaded, 60).run(np.ones((2, 3)))["0"].shape == (2, 3)
