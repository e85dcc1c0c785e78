"""Findings on scores, slices, the forecast and the cascade, in a sentence each."""

import numpy as np
import pandas as pd

from analysis.errors import LetheError
from analysis.p_values import short_p
from analysis.presentation.formatting import count, one_line, percent, shortened
from analysis.presentation.layer_findings import layers_sentence
from analysis.presentation.why_missing import no_cascade, no_forecast, no_scores, no_slices
from analysis.results import SweepResults
from analysis.stats.forecast import Skill
from analysis.stats.image_scores import SCORES

LEVEL = 0.05
_CLAIMED = ("atypicality", "label_suspicion", "class_rarity")
_WORDS = {one.name: one.word for one in SCORES}


def scores_sentence(table: pd.DataFrame) -> str:
    """State whether the paper's claim holds for one variant: PIEs are atypical or mislabelled.

    Parameters
    ----------
    table : DataFrame
        The scores table of one variant.
    """
    tests = table.drop_duplicates("score").set_index("score")
    known = tests[tests["auc_p"].notna()]
    if known.empty:
        return (
            "Scores cannot be tested: the variant has too few runs, or they give labels alone, "
            "without confidences."
        )
    significant = known[known["auc_q"] <= LEVEL]
    claimed = [name for name in _CLAIMED if name in known.index]
    question = "other seeds and other images, q over these scores"
    if significant.empty:
        words = _listed([_WORDS[name] for name in claimed])
        beyond = f" ({words} included)" if words else ""
        return (
            "PIEs are hard images, and so are those that seeds alone make. No score separates "
            f"what compression adds from seed noise here{beyond}: {question}."
        )
    parts = [
        f"{'more' if row['auc_difference'] > 0 else 'less'} {_WORDS[name]} "
        f"(AUC {row['auc_halves']:.2f} against {row['auc_aa']:.2f} of A/A PIEs, "
        f"{row['auc_difference']:+.3f} [{row['auc_low']:+.3f}, {row['auc_high']:+.3f}])"
        for name, row in significant.iterrows()
    ]
    silent = [_WORDS[name] for name in claimed if name not in significant.index]
    rest = f" Not separated from seed noise: {_listed(silent)}." if silent else ""
    return f"Beside the PIEs that seeds alone make, PIEs are {_listed(parts)}: {question}.{rest}"


def forecast_sentence(event: str, skill: Skill) -> str:
    """State how well dense doubt ranks the images that a variant changes.

    Parameters
    ----------
    event : str
        ``flips`` or ``PIEs``.
    skill : Skill
    """
    if np.isnan(skill.auroc):
        return f"The skill of doubt at ranking {event} is undefined: no image is one, or all are."
    circular = (
        " Seeds alone make PIEs of doubtful images too: the scores show what compression adds."
        if event == "PIEs"
        else ""
    )
    return (
        f"Doubt of the dense runs ranks the {event} with AUROC {skill.auroc:.3f} "
        f"[{skill.auroc_low:.3f}, {skill.auroc_high:.3f}] and average precision {skill.ap:.3f} "
        f"[{skill.ap_low:.3f}, {skill.ap_high:.3f}] (by chance {skill.base_rate:.3f}); intervals "
        f"over other images, with these runs.{circular}"
    )


def cascade_sentence(table: pd.DataFrame, share: float = 0.1) -> str:
    """State the share of forgotten images that remain if a share of the answers is sent to dense.

    Parameters
    ----------
    table : DataFrame
        The cascade table of one variant.
    share : float
        Share of answers, one of the table.
    """
    row = table[table["share_sent"] == share].iloc[0]
    if np.isnan(row["forgotten_left"]):
        return "There is nothing to regain: no image of the test half is forgotten."
    drawn = "runs and images" if row["n_runs"] > 1 else "images, with these two models"
    control = (
        f" Sent to another compressed run, {percent(row['control_forgotten_left'])} are left."
        if not np.isnan(row["control_forgotten_left"])
        else ""
    )
    return (
        f"Of {one_line(row['variant_id'])}'s forgotten images, "
        f"{percent(row['forgotten_left'])} are left [{percent(row['forgotten_left_low'])}, "
        f"{percent(row['forgotten_left_high'])}] when the {percent(row['share_sent_found'])} least "
        f"certain answers go to the dense model (95 % interval over other {drawn}).{control}"
    )


def slices_sentence(table: pd.DataFrame) -> str:
    """Count the groups of images that stand out, and describe the first.

    Parameters
    ----------
    table : DataFrame
        The slices table of one variant.
    """
    if table.empty:
        return (
            "No group of images stands out: none that one half of the images suggested has more "
            "excess forgetting than the others on the other half, at q ≤ 0.05."
        )
    first = table.iloc[0]
    more = f" {len(table)} groups stand out." if len(table) > 1 else ""
    unit = "PIE excess" if first["measure"] == "PIE excess" else "net share forgotten"
    return (
        f"{shortened(first['name'], 80)} ({count(first['n'])} images) stands out: {unit} "
        f"{100 * first['risk_difference']:+.1f} points "
        f"[{100 * first['low']:+.1f}, {100 * first['high']:+.1f}], "
        f"{100 * first['contrast']:+.1f} more than the others "
        f"(q = {short_p(first['contrast_q'])}), on the half of the images that did not suggest it."
        f"{more}"
    )


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def why_and_what_now(results: SweepResults, variant_id: str) -> list[str]:
    """Return the findings on slices, scores, forecast, cascade and layers, a sentence each.

    Parameters
    ----------
    results : SweepResults
    variant_id : str
        The compressed variant.
    """
    sentences = [
        no_slices(results, variant_id) or slices_sentence(results.slices(variant_id)),
        no_scores(results) or scores_sentence(results.scores(variant_id)),
        no_forecast(results)
        or forecast_sentence(
            results.forecast_event(variant_id), results.forecast_skill(variant_id)
        ),
        no_cascade(results, variant_id) or cascade_sentence(results.cascade(variant_id)),
    ]
    try:
        layers = results.layers(variant_id)
    except LetheError as problem:
        return [*sentences, str(problem)]
    return [*sentences, layers_sentence(layers)] if len(layers) else sentences
