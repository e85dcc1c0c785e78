"""Every figure function, found by looking: no text of the data is a tag, a template or TeX."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

import analysis.figures
from analysis.figures.attribute_pairs import attribute_pairs
from analysis.figures.breaking_points import breaking_points
from analysis.figures.cascade import cascade
from analysis.figures.class_heatmap import class_heatmap
from analysis.figures.class_impact import class_impact
from analysis.figures.confusion import confusion_flow
from analysis.figures.curves import metric_curve
from analysis.figures.deciles import deciles
from analysis.figures.hardness import pie_accuracy, pie_difficulty
from analysis.figures.human_shares import human_shares
from analysis.figures.image_votes import image_confidence, image_votes
from analysis.figures.layers import culprit_layers
from analysis.figures.layout import empty
from analysis.figures.long_tail import long_tail
from analysis.figures.not_worse import not_worse
from analysis.figures.over_representation import over_representation
from analysis.figures.overlap import pie_overlap
from analysis.figures.pies import pie_kinds, pie_share
from analysis.figures.risk_difference import risk_difference
from analysis.figures.shifts import robustness_curve, robustness_heatmap, shift_pairs_heatmap
from analysis.figures.trade_off import trade_off
from analysis.results import SweepResults
from tests.security.hostile import STRINGS, TEXTS, VARIANT

NAMED = (
    "variant_id",
    "other_variant_id",
    "method",
    "shift",
    "attribute",
    "value",
    "study",
    "layer",
)
# Helpers that compose or dress what they are given; their words are checked by what uses them.
HELPERS = {"bare", "compose", "dress", "empty", "fit", "forest", "shift_heatmap"}
OWN_TAGS = re.compile(r"</?(b|br|extra|i)>")
OWN_TEMPLATE = re.compile(r"%\{(customdata(\[\d+\])?|x|y|z|text|fullData\.name)(:[^}]*)?\}")


def renamed(frame: pd.DataFrame, offset: int = 0) -> pd.DataFrame:
    """Give everything in a table that has a name a hostile one; dense keeps its own."""
    frame = frame.copy()
    for column in frame.columns.intersection(NAMED):
        known = [one for one in frame[column].dropna().unique() if one != "dense"]
        names = {one: TEXTS[(i + offset) % len(TEXTS)] for i, one in enumerate(known)}
        frame[column] = frame[column].map(lambda one, to=names: to.get(one, one))
    return frame


def broken(offset: int) -> pd.DataFrame:
    """Breaking points of two methods; in the sweep no method has two levels."""
    methods = [TEXTS[offset]] * 3 + [TEXTS[(offset + 1) % len(TEXTS)]] * 3
    return pd.DataFrame({"method": methods, "breaking_point": [0.9, 0.5, None] * 2})


def by_value(rows: pd.DataFrame) -> pd.DataFrame:
    """An attributes table as one of pairs of single models, which the sweep has none of."""
    return rows.assign(top1_delta=-0.1, ci_low=-0.2, ci_high=0.1, mcnemar_p=0.01, mcnemar_q=0.02)


def hostile_layers(opened: SweepResults, offset: int) -> pd.DataFrame:
    """The layers that the sweep keeps, their names another part of the strings each time."""
    rows = opened.layers(VARIANT)
    names = [TEXTS[(i + offset) % len(TEXTS)] for i in range(len(rows))]
    return rows.assign(layer=names, variant_id=TEXTS[offset])


def pairs(table: pd.DataFrame) -> pd.DataFrame:
    """A robustness table as one of pairs of single models, which the sweep has none of."""
    rows = table[table["metric"] == "top1"].rename(columns={"shifted": "top1"})
    found = {"top1_delta": rows["top1"] - rows["dense_shifted"], "mcnemar_p": 0.01}
    return rows.assign(**found, mcnemar_q=0.01, dense_top1=rows["dense_shifted"])


def tail(classes: pd.DataFrame, summary: pd.DataFrame) -> go.Figure:
    """The long tail of classes with training images, which nobody knows of the sweep."""
    known = {"long_tail_slope": 0.02, "long_tail_low": 0.01, "long_tail_high": 0.03}
    counts = [10 * (i + 1) for i in range(len(classes))]
    note = STRINGS["closing"]
    return long_tail(
        classes.assign(n_train=counts), summary.assign(**known, long_tail_p=0.002), note=note
    )


def drawn(opened: SweepResults, offset: int) -> dict[str, go.Figure]:
    """Draw every figure of tables full of hostile names; other names with another offset."""
    summary, curves = renamed(opened.summary(), offset), renamed(opened.curves(), offset)
    classes = renamed(opened.classes(), offset)
    one = classes[classes["variant_id"] == classes["variant_id"].iloc[-1]]
    images = renamed(opened.images(VARIANT), offset)
    runs = renamed(opened.runs_on(3), offset)
    table = renamed(opened.robustness(), offset)
    rows = renamed(opened.attributes(VARIANT, attribute="value"), 0)
    tenths = opened.attribute_deciles(VARIANT, attribute="size")
    tenths = tenths.assign(attribute=TEXTS[offset], variant_id=TEXTS[(offset + 1) % len(TEXTS)])
    words = {"note": STRINGS["closing"] + TEXTS[offset]}
    named = {"class_names": TEXTS, **words}
    return {
        "breaking_points": breaking_points(broken(offset), **words),
        "class_heatmap": class_heatmap(classes, **words),
        "class_impact": class_impact(one, **words),
        "confusion_flow": confusion_flow(images, **named),
        "deciles": deciles(tenths, **words),
        "cascade": cascade(renamed(opened.cascade(VARIANT), offset), **words),
        "culprit_layers": culprit_layers(hostile_layers(opened, offset), **words),
        "long_tail": tail(one, summary),
        "not_worse": not_worse(one, **words),
        "risk_difference": risk_difference(rows, **words),
        "metric_curve": metric_curve(curves, metric="top1", quantity=TEXTS[offset], **words),
        "human_shares": human_shares(renamed(opened.annotation_shares(), offset), **words),
        "image_votes": image_votes(runs, label=3, **named),
        "image_confidence": image_confidence(runs, **named),
        "attribute_pairs": attribute_pairs(by_value(rows), **words),
        "over_representation": over_representation(rows, **words),
        "pie_overlap": pie_overlap(renamed(opened.overlap(), offset), **words),
        "pie_accuracy": pie_accuracy(summary, **words),
        "pie_difficulty": pie_difficulty(summary, **words),
        "pie_kinds": pie_kinds(summary, **words),
        "pie_share": pie_share(summary, **words),
        "robustness_heatmap": robustness_heatmap(table, **words),
        "robustness_curve": robustness_curve(table, shift=table["shift"].iloc[0], **words),
        "shift_pairs_heatmap": shift_pairs_heatmap(pairs(table), pairs(table), **words),
        "trade_off": trade_off(summary, **words),
    }


def figure_functions() -> set[str]:
    """Name every public function of ``analysis.figures`` that returns a figure."""
    found = set()
    for module in pkgutil.iter_modules(analysis.figures.__path__):
        for name, one in vars(importlib.import_module(f"analysis.figures.{module.name}")).items():
            if inspect.isfunction(one) and not name.startswith("_"):
                returned = inspect.signature(one).return_annotation
                if returned is go.Figure or returned == "go.Figure":
                    found.add(name)
    return found


def rendered(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a figure with the name of its place; hover data is looked at apart."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name not in ("customdata", "template", "uid", "legendgroup", "meta", "ids"):
                yield from rendered(one, name)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from rendered(one, key)
    elif isinstance(value, str):
        yield key, value


def hovered(figure: go.Figure) -> Iterator[str]:
    """Yield the texts that a hover template takes from its data."""
    for trace in figure.data:
        template = str(trace.hovertemplate or "") + str(getattr(trace, "texttemplate", None) or "")
        places = {int(one) for one in re.findall(r"customdata\[(\d+)\]", template)}
        data = trace.customdata if trace.customdata is not None else []
        for row in data:
            cells = row if trace.type == "heatmap" else [row]
            for cell in cells:
                yield from (str(cell[place]) for place in places if isinstance(cell[place], str))


@pytest.mark.parametrize("offset", range(0, len(TEXTS), 8))
def test_no_text_of_the_data_is_markup_in_any_figure(hostile: SweepResults, offset: int) -> None:
    for name, figure in drawn(hostile, offset).items():
        assert figure.data, f"{name} is empty: it proves nothing"
        for place, text in [*rendered(figure.to_dict()), *(("hover", t) for t in hovered(figure))]:
            ours = OWN_TAGS.sub("", text)
            assert "<" not in ours, (name, place, text)
            assert not re.search(r"<\w+>struck", text), (name, place, text)
            assert "%{" not in OWN_TEMPLATE.sub("", ours), (name, place, text)
            assert "%{x} %{y" not in text, (name, place, text)
            assert not re.search(r"\$.*\$", ours), (name, place, text)
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", ours), (
                name, place, text,
            )  # fmt: skip


def test_every_figure_function_is_held_against_hostile_names(hostile: SweepResults) -> None:
    assert figure_functions() - HELPERS == set(drawn(hostile, 0))


def test_an_empty_figure_says_its_reason_literally() -> None:
    from analysis.figures.layout import Words

    for text in TEXTS:
        for place, shown in rendered(empty(Words("Title"), text).to_dict()):
            assert "<" not in OWN_TAGS.sub("", shown), (place, shown)
            assert "%{" not in shown
