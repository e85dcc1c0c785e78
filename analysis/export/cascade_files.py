"""Files of a cascade: its table, its thresholds, and a Python script that applies them."""

import json
from pathlib import Path

import pandas as pd

from analysis.errors import UserError
from analysis.filesystem.atomic import replacing
from analysis.store.tabular import to_csv

TABLE, THRESHOLDS, SCRIPT = "cascade.csv", "cascade.json", "cascade.py"
_PYTHON = '''\
"""Send the least certain answers of a compressed ONNX model to the dense one.

    python cascade.py DENSE.onnx COMPRESSED.onnx IMAGES.npy [SHARE]

IMAGES.npy has images as both models take them, [N, ...]; SHARE is one of cascade.json (0.1).
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

files, share = sys.argv[1:4], float((sys.argv[4:] or ["0.1"])[0])
cascade = json.loads((Path(__file__).parent / "cascade.json").read_text("utf-8"))
threshold = next(one["threshold"] for one in cascade["thresholds"] if one["share_sent"] == share)
images = np.load(files[2])
dense, compressed = (onnxruntime.InferenceSession(path) for path in files[:2])


def scores(session, batch):
    output = session.run(None, {session.get_inputs()[0].name: batch})[0].astype(np.float64)
    if (output < 0).any() or abs(output.sum(axis=1) - 1).max() > 0.02:  # logits
        output = np.exp(output - output.max(axis=1, keepdims=True))
    return output / output.sum(axis=1, keepdims=True)


answer = scores(compressed, images)
largest = np.sort(answer, axis=1)
certainty = largest[:, -1] - (largest[:, -2] if cascade["measure"] == "margin" else 0)
sent = certainty <= threshold
if sent.any():
    answer[sent] = scores(dense, images[sent])
np.savetxt(sys.stdout, answer.argmax(axis=1), fmt="%d")
print(f"{sent.mean():.1%} of the answers came from the dense model", file=sys.stderr)
'''


def cascade_contents(table: pd.DataFrame, measure: str) -> dict[str, str]:
    """Return the files of the cascade of one variant: text by file name.

    Parameters
    ----------
    table : DataFrame
        The cascade table of one variant.
    measure : {"margin", "confidence"}
        Measure of the thresholds.
    """
    thresholds = [
        {
            "share_sent": float(row["share_sent"]),
            "threshold": float(row["threshold"]),
            "forgotten_left": _number(row["forgotten_left"]),
            "top1": _number(row["top1"]),
        }
        for row in table.to_dict("records")
        # Shares of 0 and 1 have no threshold, nor has a share of less than one image.
        if not pd.isna(row["threshold"])
    ]
    content = {
        "variant_id": str(table["variant_id"].iloc[0]),
        "measure": measure,
        "send": f"to the dense model where the {measure} of the compressed one is at most this",
        "thresholds": thresholds,
    }
    return {
        TABLE: to_csv(table),
        THRESHOLDS: json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        SCRIPT: _PYTHON,
    }


def write_cascade(table: pd.DataFrame, folder: Path, measure: str) -> list[Path]:
    """Write the cascade of one variant into a folder; return the files.

    Parameters
    ----------
    table : DataFrame
        The cascade table of one variant.
    folder : Path
        Created if missing.
    measure : {"margin", "confidence"}
        Measure of the thresholds.

    Raises
    ------
    UserError
        The folder cannot be written to.
    """
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: {error.strerror or error}") from error
    for name, text in cascade_contents(table, measure).items():
        with replacing(folder / name) as temporary, open(temporary, "w", encoding="utf-8") as to:
            to.write(text)
        paths.append(folder / name)
    return paths


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
