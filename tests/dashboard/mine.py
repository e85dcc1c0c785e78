"""Predictions of a dense and an int8 model as somebody else would write them, for the screen."""

import numpy as np
import pandas as pd

COLUMNS = {
    "path": "file", "label": "truth", "variant_id": "model", "prediction": "pred",
    "confidence": "score",
}  # fmt: skip
N = 60


def table(*, without: int | None = None) -> pd.DataFrame:
    """Rows of two models; ``without`` names an image that the int8 model lacks."""
    label = np.arange(N) % 3
    frames = []
    for variant, step in (("dense", 0), ("int8", 1)):
        prediction = (label + step * (np.arange(N) % 10 == 0)) % 3
        frame = pd.DataFrame(
            {
                "file": [f"c{one}/{i}.png" for i, one in enumerate(label)],
                "truth": [f"class {one}" for one in label],
                "model": variant,
                "pred": [f"class {one}" for one in prediction],
                "score": 0.9,
            }
        )
        frames.append(frame.drop(index=without) if step and without is not None else frame)
    return pd.concat(frames, ignore_index=True)


def csv(**asked: int) -> bytes:
    """The rows as CSV."""
    return table(**asked).to_csv(index=False).encode()
