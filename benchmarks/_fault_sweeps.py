"""Sweeps under fault injection: one of two external models, and shifts added to it.

A sweep keeps every finished run: after a fault each of its files must be as in the complete sweep,
or absent.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from analysis.store import Cache, publishing
from analysis.sweep import tasks
from benchmarks._fault_verbs import Seen, Verb, digest, lethe
from benchmarks._inline import inline_pool

_WORDS = (
    "sweep", "--dataset", "digits", "--test-limit", "40", "--normalize", "none", "--name", "mine",
    "--workers", "1", "--models",
)  # fmt: skip
_SHIFT = ("--corruptions", "gaussian_noise=3")
_CLASSES = 10


def _write_model(path: Path, random_seed: int) -> str:
    """Write a linear classifier of the digits with random weights as ONNX."""
    weight = np.random.default_rng(random_seed).normal(size=(64, _CLASSES)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes, "linear",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", _CLASSES])],
        [numpy_helper.from_array(weight, "weight")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return f"{path}"


def _models(root: Path) -> None:
    for number, name in enumerate(("net", "slim")):
        _write_model(root / f"{name}.onnx", number)
    (root / "cache").mkdir()


def _run(root: Path, *more: str) -> int:
    """Run the sweep in this process, so that faults reach its workers too."""
    tasks.pool = inline_pool
    models = (f"dense={root / 'net.onnx'}", f"slim={root / 'slim.onnx'}")
    return lethe(root, *_WORDS, *models, "--accept-classes", *more)


def _swept(root: Path) -> None:
    _models(root)
    if _run(root):
        raise RuntimeError("the initial sweep failed")


def _seen(root: Path) -> Seen:
    """Return digests of the predictions, images and features that a reader sees, and any damage."""
    found: Seen = {}
    cache = Cache(root / "cache")
    for name in cache.names():
        folder = cache.sweep(name)
        for file, record in sorted(folder.manifest().files.items()):
            content = publishing.reading(
                folder.path, folder.path / file, lambda at: at.read_bytes()
            )
            state = "" if digest(content) == record.sha256 else " not as listed"
            # Measurements such as latency lie in the metadata and differ each time.
            same = file.endswith("images.parquet") or not file.endswith(".parquet")
            found[file] = (digest(content) if same else f"{_rows(content)}") + state
        for problem in folder.verify():
            found[f"{problem}"] = "damage"
    return found


def _rows(content: bytes) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(content)).replace_schema_metadata(None)
    return digest(repr(table.to_pydict()).encode())


SWEEPS = (
    Verb("external sweep", _models, _run, see=_seen, is_by_parts=True),
    Verb("shift", _swept, lambda r: _run(r, *_SHIFT), see=_seen, is_by_parts=True),
)
