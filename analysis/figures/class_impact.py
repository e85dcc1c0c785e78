"""Class impact: the change of each class's recall, and whether it is significant."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis import schema
from analysis.figures import layout, theme
from analysis.presentation.formatting import expected

ALPHA = 0.05
SIGNS = ("lost", "gained", "not significant", "not tested")
Rule: TypeAlias = Literal["q_two_way", "q_sweep", "p", "q", "mcnemar_p", "mcnemar_q"]
_RULES = {
    "q_two_way": "q",
    "q_sweep": "q over the sweep",
    "p": "p",
    "q": "q over runs",
    "mcnemar_p": "McNemar's p",
    "mcnemar_q": "McNemar's q",
}
_ABOUT = {
    "q_two_way": "for other seeds and other images",
    "q_sweep": "for other seeds and other images",
    "p": "the paper's rule: for other seeds, on these images",
    "q": "for other seeds, on these images",
    "mcnemar_p": "for other images, with these two models",
    "mcnemar_q": "for other images, with these two models",
}
_CROWDED = 110
_SMALLEST = 1e-300
_DELTA = "normalized_recall_delta"
# The change drawn as a bar; the other one has the marker and the interval.
_OTHER = {_DELTA: "recall_delta", "recall_delta": _DELTA}
_TITLE = "Change of recall by class"
_NAME = 40
_X = "Change of recall (percentage points)"


@dataclass(frozen=True)
class ClassImpactInfo:
    """What the figure shows: ``rows`` is the chosen part of the classes table, with its ``sign``.

    ``n_lost`` and ``n_gained`` count over all ``n_classes`` tested or not, ``n_empty`` the classes
    without test images, ``n_hidden`` the classes between the lowest and the highest.
    """

    variant_id: str
    rows: pd.DataFrame
    n_classes: int
    n_lost: int
    n_gained: int
    n_tested: int
    n_empty: int
    n_hidden: int


def usual_rule(classes: pd.DataFrame) -> Rule:
    """Return the default rule of significance: q over runs and images; McNemar's p for one pair.

    Parameters
    ----------
    classes : DataFrame
        The classes table of one variant.
    """
    exact = classes.get("mcnemar_p")
    is_single = exact is not None and classes["p"].isna().all() and exact.notna().any()
    return "mcnemar_p" if is_single else "q_two_way"


def class_impact_info(
    classes: pd.DataFrame,
    *,
    rule: Rule = "q_two_way",
    sort: str = _DELTA,
    top: int | None = None,
) -> ClassImpactInfo:
    """Choose, sort and judge the classes of one variant: significant where ``rule`` <= 0.05.

    Parameters
    ----------
    classes : DataFrame
        The classes table of one variant.
    rule : {"q_two_way", "q_sweep", "p", "q", "mcnemar_p", "mcnemar_q"}
        Column that says which changes are significant, at 0.05.
    sort : str
        Column that the classes are sorted by, ascending.
    top : int, optional
        Number of classes to keep at either end; all by default.

    Raises
    ------
    ValueError
        The frame holds several variants, or ``rule``, ``sort`` or ``top`` cannot be used.
    """
    if rule not in _RULES:
        raise ValueError(f"rule must be one of {', '.join(_RULES)}")
    if sort not in classes:
        raise ValueError(f"sort must be a column of the classes table, not {sort!r}")
    if top is not None and top < 1:
        raise ValueError("top must be at least 1")
    if classes[schema.VARIANT_ID].nunique() > 1:
        raise ValueError("class_impact draws one variant; the frame holds several")
    kept = classes[classes[_DELTA].notna()].sort_values(sort, kind="stable")
    sign = np.select(
        [kept[rule].isna(), kept[rule] > ALPHA, kept[_tested(rule)] < 0],
        ["not tested", "not significant", "lost"],
        "gained",
    )
    kept = kept.assign(sign=sign).reset_index(drop=True)
    shown = kept
    if top is not None and 2 * top < len(kept):
        shown = pd.concat([kept.head(top), kept.tail(top)], ignore_index=True)
    return ClassImpactInfo(
        variant_id=str(classes[schema.VARIANT_ID].iloc[0]) if len(classes) else "",
        rows=shown,
        n_classes=len(kept),
        n_lost=int((sign == "lost").sum()),
        n_gained=int((sign == "gained").sum()),
        n_tested=int((sign != "not tested").sum()),
        n_empty=len(classes) - len(kept),
        n_hidden=len(kept) - len(shown),
    )


def class_impact(
    classes: pd.DataFrame,
    *,
    rule: Rule = "q_two_way",
    sort: str = _DELTA,
    top: int | None = None,
    note: str = "",
) -> go.Figure:
    """Draw the tested change of each class with its 95 % interval (marker), and the other (bar).

    That is the normalized change of recall, of one pair of models the change of recall itself:
    colour, symbol, marker and interval speak of one quantity.

    Parameters
    ----------
    classes : DataFrame
        The classes table of one variant; its fractions are drawn on an axis in percentage points.
    rule : {"q_two_way", "q_sweep", "p", "q", "mcnemar_p", "mcnemar_q"}
        What counts as significant: q <= 0.05 over runs and images, p <= 0.05 over runs as in Hooker
        et al. 2019; of one pair of models McNemar's test, which is of the change of recall. The
        interval drawn is of the same kind: over runs alone for ``p`` and ``q``.
    sort : str
        Column that orders the classes, the lowest on top.
    top : int, optional
        Keep the n lowest and the n highest classes.
    note : str
        Footnote, plain text.

    Returns
    -------
    Figure
        ``customdata`` of bars and markers begins with the unescaped class name.
    """
    info = class_impact_info(classes, rule=rule, sort=sort, top=top)
    title = f"{_TITLE}, {layout.short(info.variant_id, _NAME)}" if info.variant_id else _TITLE
    if info.rows.empty:
        reason = "No class to show: this variant has no runs yet, or no class has test images."
        return layout.empty(layout.Words(title, _X, "", "", note), reason)
    figure = go.Figure()
    for sign in SIGNS:
        _draw(figure, info.rows, sign, rule)
    names = [layout.short(name) for name in info.rows[schema.CLASS_NAME]]
    n = len(names)
    height = max(min(20 * n, 2200), 120)
    figure.add_vline(x=0, line_width=1, line_color=theme.GREY)
    figure.update_layout(barmode="overlay", bargap=0.3)
    words = layout.Words(title, _X, "", _subtitle(info, rule), note)
    layout.compose(figure, words, plot_height=height, rows=names)
    if info.n_hidden:
        figure.add_hline(y=n / 2 - 0.5, line_dash="dot", line_width=1, line_color=theme.GREY)
        figure.add_annotation(
            text=f"{info.n_hidden:,} classes between", name="between", showarrow=False, x=1,
            xref="paper", xanchor="right", y=n / 2 - 0.5, yanchor="bottom", font={"size": 10},
        )  # fmt: skip
    return figure


def _tested(rule: str) -> str:
    """Name the change that a rule tests, which the marker shows with its interval."""
    return "recall_delta" if exact_rule(rule) else _DELTA


def _ends(rule: str) -> tuple[str, str]:
    """Name the columns of the interval of that change."""
    if exact_rule(rule):
        return "mcnemar_low", "mcnemar_high"
    kind = "" if rule in ("p", "q") else "_two_way"
    return f"ci_low{kind}", f"ci_high{kind}"


def _draw(figure: go.Figure, rows: pd.DataFrame, sign: str, rule: str) -> None:
    part = rows[rows["sign"] == sign]
    if part.empty:
        return
    y, color, crowded = part.index.to_numpy(), theme.SIGN_COLORS[sign], len(rows) > _CROWDED
    custom, (low, high) = _custom(part, rule), (100 * part[name] for name in _ends(rule))
    tested = 100 * part[_tested(rule)]
    hover = (
        "<b>%{customdata[1]}</b> (%{customdata[7]} images)<br>recall %{customdata[2]:.2%}, dense "
        "%{customdata[3]:.2%}<br>change %{customdata[8]}, normalized %{customdata[9]}"
        "<br>95 % interval %{customdata[4]}<br>%{customdata[5]}, %{customdata[6]}"
        f"<extra>{sign}</extra>"
    )
    figure.add_bar(
        y=y, x=100 * part[_OTHER[_tested(rule)]], orientation="h", name=f"{sign}, bar",
        showlegend=False, customdata=custom, hovertemplate=hover, legendgroup=sign,
        marker=_bar(sign, is_tested=not exact_rule(rule)),
    )  # fmt: skip
    figure.add_scatter(
        y=y, x=tested, mode="markers", name=sign, customdata=custom,
        hovertemplate=hover, legendgroup=sign,
        marker={
            "color": color, "symbol": theme.SIGN_SYMBOLS[sign],
            "size": 4 if crowded else 9, "line": {"width": 0.5 if crowded else 1.5, "color": color},
        },
        error_x={
            "array": high - tested, "arrayminus": tested - low,
            "symmetric": False, "thickness": 0.6 if crowded else 1.2,
            "width": 0 if crowded else 3, "color": color,
        },
    )  # fmt: skip


def _bar(sign: str, *, is_tested: bool) -> dict[str, Any]:
    """Style of a bar; for one pair of models it is not tested and has no sign."""
    shown = sign if is_tested else "not significant"
    color = theme.SIGN_COLORS[shown]
    return {
        "color": theme.faded(color, 0.5 if shown in ("lost", "gained") else 0.25),
        "line": {"width": 0},
        "pattern": {"shape": theme.SIGN_PATTERNS[shown], "fgcolor": color, "size": 5,
                    "solidity": 0.25},
    }  # fmt: skip


def _custom(part: pd.DataFrame, rule: str) -> list[list[Any]]:
    low, high = _ends(rule)
    levels = ("mcnemar_p", "mcnemar_q") if exact_rule(rule) else ("q_two_way", "p")
    names = ("McNemar's p", "q over classes") if exact_rule(rule) else ("q", "p over runs")
    return [
        [
            row[schema.CLASS_NAME], layout.escape(row[schema.CLASS_NAME]), row["recall"],
            row["dense_recall"], layout.points_between(row[low], row[high]),
            *(_level(name, row[column]) for name, column in zip(names, levels, strict=True)),
            int(row["n_images"]),
            layout.points(row["recall_delta"]), layout.points(row[_DELTA]),
        ]
        for row in part.to_dict("records")
    ]  # fmt: skip


def _level(name: str, value: float) -> str:
    if np.isnan(value):
        return f"{name} unknown"
    return f"{name} = {value:.3g}" if value >= _SMALLEST else f"{name} < {_SMALLEST:g}"


def exact_rule(rule: str) -> bool:
    """Whether a rule is McNemar's exact test, of one pair of models.

    Parameters
    ----------
    rule : str
        One of the rules.
    """
    return rule.startswith("mcnemar")


def _subtitle(info: ClassImpactInfo, rule: str) -> str:
    if not info.n_tested:
        findings = "No test: intervals and significance need at least two runs of both populations."
    else:
        exact = exact_rule(rule)
        by_chance = (
            f"{'at most ' * exact}{expected(ALPHA * info.n_tested)} expected by chance alone"
        )
        chance = f", {by_chance}" if rule in ("p", "mcnemar_p") else ""
        about = f"{_RULES[rule]} ≤ {ALPHA}, {_ABOUT[rule]}{chance}"
        more = "" if exact else " more than overall accuracy did"
        findings = (
            f"{info.n_lost:,} of {info.n_classes:,} classes lost and {info.n_gained:,} gained"
            f"{more} ({about})."
        )
        if info.n_gained and more:
            findings += " A gain may only mean that others lost."
        if not info.n_lost and not info.n_gained:
            findings = f"No class is significant ({about})."
    empty = f" {info.n_empty:,} without test images left out." if info.n_empty else ""
    has_interval = info.rows[_ends(rule)[0]].notna().any()
    over = "runs" if rule in ("p", "q") else "images" if exact_rule(rule) else "runs and images"
    interval = f", with its 95 % interval over {over}" if has_interval else ""
    if exact_rule(rule):
        drawn = f"Marker: change of recall{interval}. Bar: that minus the change of accuracy."
    else:
        drawn = f"Bar: change of recall. Marker: that minus the change of accuracy{interval}."
    return f"{findings}{empty} {drawn}"
