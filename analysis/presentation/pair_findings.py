"""Findings on pairs of single models (K = 1), and descriptions of how runs are paired."""

import math

import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.p_values import p_text
from analysis.presentation.class_findings import of_classes, of_losses
from analysis.presentation.formatting import expected, is_missing, percent, points
from analysis.results import SweepResults
from analysis.stats.classes import ALPHA
from analysis.store.manifest import Manifest

MORE_RUNS = (
    "Effects of these two models cannot be separated from those of compression with other seeds: a "
    "noise floor takes two dense runs, tests of classes two runs a variant; ten make both sharp."
)


def one_pair(pair: pd.Series, classes: pd.DataFrame) -> list[str]:
    """Describe the change of accuracy and of classes, bounds of all losses, and the need for runs.

    Parameters
    ----------
    pair : Series
        The variant's row of the pairs table.
    classes : DataFrame
        Its rows of the classes table.
    """
    variant_id = str(pair[schema.VARIANT_ID])
    sentences = [
        _accuracy(pair),
        _flipped_classes(classes),
        of_classes(variant_id, classes, math.nan, has_seeds=False),
        of_losses(variant_id, classes, has_seeds=False),
        MORE_RUNS,
    ]
    return [sentence for sentence in sentences if sentence]


def pairing(manifest: Manifest) -> str:
    """Describe how the runs of dense and of the variants are paired.

    Single models are compared image by image, whether or not their seeds are paired.
    """
    done = {one.variant_id: manifest.done_seeds(one.variant_id) for one in manifest.variants}
    n_dense = len(done.pop(DENSE_ID, ()))
    n_of = {len(seeds) for seeds in done.values() if seeds}
    if n_dense != 1 or n_of != {1}:
        return manifest.pairing
    paired = [one.variant_id for one in manifest.variants if one.paired and one.variant_id in done]
    return "one run a variant: each model is compared with the dense one image by image" + (
        f"; made from the dense one: {', '.join(paired)}" if paired else ""
    )


def _accuracy(pair: pd.Series) -> str:
    kl = pair[schema.KL_FROM_DENSE]
    apart = (
        "" if is_missing(kl) else f" Its outputs are {float(kl):.3g} nats from dense on average."
    )
    delta, low, high = (points(pair[name], 2) for name in ("top1_delta", "ci_low", "ci_high"))
    return (
        f"One pair of models: top-1 changes by {delta} points (95 % interval {low} to {high}, over "
        f"images; McNemar's exact {p_text(float(pair['mcnemar_p']))}): "
        f"{int(pair['flips_to_wrong']):,} of {int(pair['n_images']):,} images flip to "
        f"wrong, {int(pair['flips_to_right']):,} to right.{apart}"
    )


def _flipped_classes(classes: pd.DataFrame) -> str:
    tested = classes[classes["mcnemar_p"].notna()]
    at_p, at_q = (tested[tested[name] <= ALPHA] for name in ("mcnemar_p", "mcnemar_q"))
    chance = f"at most {expected(ALPHA * len(tested))} expected by chance"
    if at_p.empty:
        return (
            f"The recall of no class out of {len(tested):,} changed significantly (McNemar's exact "
            f"p ≤ {ALPHA}; {chance})."
        )
    delta = at_p["recall_delta"].astype(float)
    lost, gained = at_p.loc[delta[delta < 0].sort_values().index], at_p[delta > 0]
    most = (
        f" (most: “{lost[schema.CLASS_NAME].iloc[0]}”, "
        f"{points(lost['recall_delta'].iloc[0])} points)"
        if len(lost)
        else ""
    )
    return (
        f"{len(at_p):,} of {len(tested):,} classes changed their recall at McNemar's p ≤ {ALPHA} "
        f"({chance}), {len(at_q):,} of them at q ≤ {ALPHA}: {len(lost)} lost{most} and "
        f"{len(gained)} gained."
    )


def pairs_under_shifts(table: pd.DataFrame) -> str:
    """Count the shifts under which single models are right on fewer or more images than dense.

    Parameters
    ----------
    table : DataFrame
        The shift-pairs table.
    """
    at_q = table[table["mcnemar_q"] <= ALPHA]
    n_fewer, n_more = (int((at_q["top1_delta"] * sign > 0).sum()) for sign in (-1, 1))
    cells = f"{len(table):,} pairs of a compressed model and a shift"
    if at_q.empty:
        return (
            f"No model is right on significantly more or fewer images than dense under any "
            f"shift (McNemar's q ≤ {ALPHA}, {cells}). That is no proof of equal robustness: more "
            "images would show smaller differences."
        )
    most = ""
    for what, sign in (("loss", -1), ("gain", 1)):
        signed = sign * at_q["top1_delta"].astype(float)
        if (signed > 0).any():
            row = at_q.loc[signed.idxmax()]
            most += (
                f" The largest {what} among them is {points(row['top1_delta'])} points, of "
                f"{row[schema.VARIANT_ID]} under {row[schema.SHIFT]}."
            )
    return (
        f"Of {cells}, the model is right on fewer images than dense in {n_fewer} and on "
        f"more in {n_more} (McNemar's q ≤ {ALPHA}).{most}"
    )


def pairing_hints(results: SweepResults) -> list[str]:
    """Warn of variants whose runs look made from the dense runs of their seeds.

    If taken as independent, they seem to have fewer PIEs than the noise floor and wide intervals.
    """
    remedy = (
        "import its files again with --paired --overwrite"
        if results.manifest.origin == "imported"
        else "run the models again with --paired, under another --name"
    )
    return [
        f"{variant_id} differs from the dense run of its seed on at most {percent(tie.equal)} of "
        f"the images, from those of other seeds on at least {percent(tie.different)}: its runs "
        f"look made from them, and are taken as independent; {remedy}"
        for variant_id, tie in results.seed_ties().items()
        if tie.is_likely
    ]
