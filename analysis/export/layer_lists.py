"""Files of culprit layers: lists for quantizers, a Python script that uses them, the table.

Names of layers come from other people's graphs: they are written to JSON and CSV, never to code.
"""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.errors import UserError
from analysis.filesystem.atomic import replacing
from analysis.presentation.layer_findings import chosen_set, names_in
from analysis.store.tabular import to_csv

TABLE, LISTS, SCOPE, SCRIPT = (
    "layers.csv", "nodes_to_exclude.json", "nncf_ignored_scope.json", "quantize.py",
)  # fmt: skip
GRAPH, IMAGES = "float.onnx", "calibration.npy"
_PYTHON = '''\
"""Quantize an ONNX model to int8 with the layers of nodes_to_exclude.json left in float.

    python quantize.py FLOAT.onnx OUT.onnx IMAGES.npy [K]

IMAGES.npy has calibration images as the model takes them, float32 [N, ...]; K is how many layers
stay in float (default: the set that nodes_to_exclude.json names first).
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

source, target, images, *k = sys.argv[1:]
lists = json.loads((Path(__file__).parent / "nodes_to_exclude.json").read_text("utf-8"))
excluded = {one["k"]: one["nodes_to_exclude"] for one in lists["sets"]}
nodes = excluded[int(k[0])] if k else lists["nodes_to_exclude"]
name = onnxruntime.InferenceSession(source).get_inputs()[0].name


class Images:
    def __init__(self):
        self.left = iter(np.array_split(np.load(images), max(1, len(np.load(images)) // 64)))

    def get_next(self):
        batch = next(self.left, None)
        return None if batch is None else {name: batch}


quantize_static(
    source, target, Images(), quant_format=QuantFormat.QDQ, per_channel=True,
    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=nodes,
)
print(f"{target}: {len(nodes)} layers in float: {nodes}")
'''


def write_layer_lists(
    table: pd.DataFrame,
    folder: Path,
    graph: bytes | None = None,
    calibration: npt.NDArray[Any] | None = None,
) -> list[Path]:
    """Write the table and, if the layers have nodes, the lists and the script that uses them.

    Parameters
    ----------
    table : DataFrame
        The layers table of one variant.
    folder : Path
        Created if missing; other files in it stay.
    graph, calibration
        The float ONNX graph that was quantized, and its calibration images, to quantize again.

    Raises
    ------
    UserError
        The folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: {error.strerror or error}; expected a folder") from None
    contents: dict[str, bytes] = {TABLE: to_csv(table).encode()}
    best = chosen_set(table)
    sets = table[(table["rank"] == 1) | (table["k"] > 1)].sort_values("k", kind="stable")
    if all(all(names_in(cell)) and names_in(cell) for cell in sets["nodes"]):
        contents[LISTS] = _json(
            {
                "variant_id": str(best["variant_id"]),
                "seed": int(best["seed"]),
                "nodes_to_exclude": names_in(best["nodes"]),
                "sets": [_set(row) for row in sets.to_dict("records")],
            }
        )
        contents[SCOPE] = _json({"names": names_in(best["nodes"])})
        contents[SCRIPT] = _PYTHON.encode()
    if graph is not None and calibration is not None:
        images = io.BytesIO()
        np.save(images, calibration)
        contents |= {GRAPH: graph, IMAGES: images.getvalue()}
    for name, content in contents.items():
        with replacing(folder / name) as temporary:
            temporary.write_bytes(content)
    return [folder / name for name in contents]


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _set(row: Any) -> dict[str, Any]:
    restored = row["forgotten_restored"]
    return {
        "k": int(row["k"]),
        "layers": names_in(row["layers"]),
        "nodes_to_exclude": names_in(row["nodes"]),
        "forgotten_restored": None if pd.isna(restored) else float(restored),
        "top1": float(row["top1"]),
        "bytes_added": int(row["bytes_added"]),
    }
