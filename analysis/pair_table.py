"""The table of single models: every one held against dense, image by image."""

from typing import Any

import pandas as pd

from analysis import schema
from analysis.wording import NOTHING, count, is_missing, points

HELP = {
    "Top-1, points": "Change of top-1 accuracy against dense, in percentage points.",
    "95 % interval": "Of that change, over images, with these two models as they are (Bonett and "
    "Price 2012).",
    "McNemar's p": "Exact test over the images that flip; of each model by itself.",
    "To wrong": "Images that dense is right on and the model is not.",
    "To right": "Images that the model is right on and dense is not.",
    "KL, nats": "Mean KL divergence of the model's outputs from those of dense.",
}


def pair_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Write the pairs table for reading: one row a variant, text in every cell.

    Parameters
    ----------
    pairs : DataFrame
        The pairs table.
    """
    return pd.DataFrame([_row(row) for row in pairs.to_dict("records")])


def _row(row: dict[Any, Any]) -> dict[str, str]:
    kl = row[schema.KL_FROM_DENSE]
    return {
        "Variant": str(row[schema.VARIANT_ID]),
        "Top-1, points": points(row["top1_delta"], 2),
        "95 % interval": f"{points(row['ci_low'], 2)} to {points(row['ci_high'], 2)}",
        "McNemar's p": f"{row['mcnemar_p']:.2g}",
        "To wrong": count(row["flips_to_wrong"]),
        "To right": count(row["flips_to_right"]),
        "KL, nats": NOTHING if is_missing(kl) else f"{kl:.3g}",
    }
