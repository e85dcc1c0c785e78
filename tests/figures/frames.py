"""Small tables with the columns the figures read, numbers chosen by hand."""

import numpy as np
import pandas as pd

from analysis import schema

HOSTILE = (
    "<script>alert(1)</script>",
    "<b>bold</b> & <a href='https://example.org'>link</a>",
    "%{customdata[0]} $x^2$",
    "a very long class name " * 6,
    "two\nlines",
)


def classes(names=("ant", "bee", "cat", "dog"), variant_id="magnitude-0.90", **columns):
    """A classes table: deltas rise from class to class, the first is lost, the last gained.

    Over runs and images the first alone is significant; over runs the last is too, by the paper's
    rule.
    """
    n = len(names)
    delta = np.linspace(-0.2, 0.1, n) if n > 1 else np.zeros(n)
    p = np.full(n, 0.5)
    p[[0, -1]] = 0.01, 0.04
    q = np.full(n, 0.9)
    q[0] = 0.03
    table = {
        "variant_id": variant_id, "class_id": np.arange(n), "class_name": list(names),
        "n_images": 50, "dense_recall": 0.9, "recall": 0.9 + delta - 0.05,
        "recall_delta": delta - 0.05, "normalized_recall_delta": delta, "p": p, "q": q,
        "ci_low": delta - 0.04, "ci_high": delta + 0.03, "q_two_way": q, "q_sweep": q,
        "ci_low_two_way": delta - 0.06, "ci_high_two_way": delta + 0.05,
        "loss_upper": 0.08 - delta, "loss_upper_named": 0.1 - delta,
    }  # fmt: skip
    frame = pd.DataFrame(table | columns)
    return frame.reindex(columns=list(schema.CLASSES_COLUMNS))


def images(flows, variant_id="magnitude-0.90", non_pies=5):
    """An images table with so many PIEs from one class to another: ``{(0, 1): 3}``."""
    pairs = [pair for pair, count in flows.items() for _ in range(count)]
    pairs += [(0, 0)] * non_pies
    frame = pd.DataFrame(pairs, columns=["dense_modal_label", "modal_label"])
    frame["is_pie"] = frame["dense_modal_label"] != frame["modal_label"]
    frame["variant_id"] = variant_id
    return frame.reindex(columns=list(schema.IMAGES_COLUMNS))


def summary():
    """A summary of dense, two pruned variants and a quantized one."""
    rows = [
        {"variant_id": "dense", "n_runs": 6, "top1_mean": 0.92, "noise_floor_share": 0.05},
        variant_row("magnitude-0.50", half=0.06, excess=(0.01, -0.005, 0.025), kinds=(10, 12, 3)),
        variant_row("magnitude-0.90", half=0.15, excess=(0.10, 0.08, 0.12), kinds=(90, 6, 14)),
        variant_row("int8-static", half=0.03, excess=(-0.02, -0.03, -0.01), kinds=(4, 4, 0)),
    ]
    return pd.DataFrame(rows).reindex(columns=list(schema.SUMMARY_COLUMNS))


def variant_row(variant_id, *, half, excess, kinds):
    """One variant's summary row."""
    forgotten, recovered, changed = kinds
    return {
        "variant_id": variant_id, "n_runs": 6, "top1_mean": 0.85, "n_pies": sum(kinds),
        "pie_share": 0.4242, "noise_floor_share": 0.05, "pie_share_half": half,
        "pie_excess": excess[0], "pie_excess_low": excess[1], "pie_excess_high": excess[2],
        "dense_top1_on_pies": 0.6, "top1_on_pies": 0.3, "dense_top1_on_non_pies": 0.95,
        "top1_on_non_pies": 0.93, "dense_top1_on_aa_pies": 0.5,
        "n_forgotten": forgotten, "n_recovered": recovered, "n_changed": changed,
    }  # fmt: skip


def curves(metric="top1", scale=1.0):
    """A curves table of one metric: dense, three magnitude levels out of order, and int8."""
    rows = [
        ("dense", 0.0, 0.0, 0.92), ("magnitude", 0.9, 0.899, 0.70), ("magnitude", 0.5, 0.5, 0.90),
        ("magnitude", 0.7, 0.7, 0.85), ("int8-static", None, 0.0, 0.91),
    ]  # fmt: skip
    return pd.DataFrame(
        [
            {
                "method": method, "target_sparsity": target, "sparsity": sparsity, "metric": metric,
                "mean": mean * scale, "std": 0.01 * scale, "ci_low": (mean - 0.02) * scale,
                "ci_high": (mean + 0.02) * scale, "n_runs": 6,
            }
            for method, target, sparsity, mean in rows
        ]
    )  # fmt: skip
