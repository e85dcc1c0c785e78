"""The format ``label-cleaning``: labels beside those that dense models suggest, worst first."""

import numpy as np
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.export.registry import Files, register
from analysis.export.selection import Chosen
from analysis.store.tabular import to_csv


@register(
    "label-cleaning",
    title="Label-cleaning CSV",
    shape="file",
    suffix=".csv",
    mime="text/csv",
    about="One row an image, the most doubtful label first, with cleanlab's column names: "
    "given_label, predicted_label, label_quality, is_label_issue.",
)
def label_cleaning(chosen: Chosen) -> Files:
    """Yield one CSV file."""
    yield "label-cleaning.csv", to_csv(label_table(chosen)).encode()


def label_table(chosen: Chosen) -> pd.DataFrame:
    """One row an image: how far the dense models confirm its given label, the worst first.

    Only dense models count, so that compression casts no doubt on a label. The images are test
    images, which no model was trained on.

    Returns
    -------
    DataFrame
        ``rank`` 1 is the most doubtful: by rising ``label_quality``, then falling
        ``predicted_share``, then ``image_id``.
        ``given_label``, ``predicted_label``: class names; the second is the dense modal label,
        ``argmax_c n[i,c,dense]``. ``given_class_id``, ``predicted_class_id``: their ids.
        ``label_quality``: self-confidence, the mean over the dense runs of the probability of the
        given label, 0..1; if unknown, the share of dense runs that predict the
        given label; ``label_quality_source`` is ``confidence`` or ``votes``.
        ``is_label_issue``: the dense modal label differs from the given label.
        ``suggested_label``: the dense modal label of an issue, else empty.
        ``predicted_share``: share of dense runs that predict it, 0..1. ``predicted_confidence``:
        mean confidence of the dense runs in it, over those that predict it; null where not known.

    Notes
    -----
    Self-confidence as label quality: Northcutt, Jiang and Chuang 2021, Confident Learning, whose
    column names these are; the probabilities here are those of a population, averaged.
    """
    table = chosen.table
    known = table["dense_true_confidence"].to_numpy(np.float64)
    quality = np.where(np.isnan(known), table["dense_accuracy"].to_numpy(np.float64), known)
    issue = table["dense_modal_label"].to_numpy() != table[schema.LABEL].to_numpy()
    rows = pd.DataFrame(
        {
            schema.IMAGE_ID: table[schema.IMAGE_ID],
            "given_label": table["label_name"],
            "predicted_label": table["dense_modal_name"],
            "label_quality": quality,
            "is_label_issue": issue,
            "suggested_label": table["dense_modal_name"].where(issue),
            "predicted_share": table["dense_agreement"],
            "predicted_confidence": _confidence_in_modal(chosen),
            "label_quality_source": np.where(np.isnan(known), "votes", "confidence"),
            "given_class_id": table[schema.LABEL],
            "predicted_class_id": table["dense_modal_label"],
            schema.PATH: table[schema.PATH],
        }
    )
    rows = rows.sort_values(
        ["label_quality", "predicted_share", schema.IMAGE_ID],
        ascending=[True, False, True],
        ignore_index=True,
    )
    rows.insert(1, "rank", np.arange(1, len(rows) + 1))
    return rows


def _confidence_in_modal(chosen: Chosen) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Mean confidence of the dense runs that predict the dense modal label, (n,)."""
    dense = chosen.results.population(DENSE_ID)
    modal = chosen.table["dense_modal_label"].to_numpy()
    agrees = dense.prediction[:, chosen.image_ids] == modal
    sure = dense[schema.CONFIDENCE][:, chosen.image_ids].astype(np.float64)
    mean = np.where(agrees, sure, 0.0).sum(axis=0) / np.maximum(agrees.sum(axis=0), 1)
    return np.asarray(mean, np.float64)
