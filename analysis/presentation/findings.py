"""What a sweep found, in plain sentences: both signs, no verdict, each with its question.

Over several runs: PIEs beyond seed noise, for these images and for other seeds. With one run a
variant: the two models compared image by image. And where runs look paired that are not said to be.
"""

import math

import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.presentation.formatting import expected, is_missing, percent, points
from analysis.presentation.score_findings import of_scores, ties_of_forgotten
from analysis.results import SweepResults
from analysis.stats.classes import ALPHA, impacted
from analysis.store.manifest import Manifest

_NAMED = 3


def beyond_noise(variants: pd.DataFrame, *, n_dense: int) -> str:
    """Say which variants make more PIEs than seeds alone, and by which of the two tests.

    Parameters
    ----------
    variants : DataFrame
        Rows of the summary of compressed variants, with ``seed_p``, the one-sided p of the
        permutation test over runs.
    n_dense : int
        Dense runs.
    """
    known = variants[variants["pie_excess"].notna()]
    if known.empty:
        return (
            "There are too few runs for a noise floor, so what compression changed cannot be told "
            "from what another seed would have changed."
        )
    floor = percent(known["noise_floor_share"].iloc[0])
    start = (
        f"Seed noise alone makes PIEs of {floor} of the images, between halves of the dense runs"
    )
    over_images = known["pie_excess_low"].astype(float) > 0
    over_runs = known["seed_p"] <= ALPHA
    below = known["pie_excess_high"].astype(float) < 0
    said = [
        f"{words}{_with_excess(known[which])}"
        for words, which in (
            ("more than that, like for like, over images and over runs: ", over_images & over_runs),
            (
                "more on these images, but not beyond what other seeds may make: ",
                over_images & ~over_runs,
            ),
            ("more by the test over runs alone: ", over_runs & ~over_images & ~below),
            ("fewer on these images: ", below),
        )
        if which.any()
    ]
    n_same = int((~over_images & ~over_runs & ~below).sum())
    if not said:
        said = ["no variant lies significantly above or below that, over images or over runs"]
    elif n_same:
        others = "one other variant is" if n_same == 1 else f"{n_same} other variants are"
        said.append(f"{others} not told from it")
    return f"{start}; {'; '.join(said)}.{_reach(known, n_dense)}"


def _with_excess(rows: pd.DataFrame) -> str:
    largest = rows.reindex(
        rows["pie_excess"].astype(float).abs().sort_values(ascending=False).index
    )
    named = [
        f"{row[schema.VARIANT_ID]} ({points(row['pie_excess'])} points"
        + (
            f", 95 % interval over images {points(row['pie_excess_low'])} to "
            f"{points(row['pie_excess_high'])}"
            if place == 0
            else ""
        )
        + ("" if math.isnan(row["seed_p"]) else f", p = {row['seed_p']:.2g} over runs")
        + ")"
        for place, (_, row) in enumerate(largest.head(_NAMED).iterrows())
    ]
    rest = len(rows) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")


def _reach(known: pd.DataFrame, n_dense: int) -> str:
    """Say where the test over runs could not have found anything, whatever the PIEs."""
    is_mute = [
        math.isnan(row["seed_p"])
        or smallest_p(n_dense, int(row["n_runs"]), paired=bool(row["paired"])) > ALPHA
        for row in known.to_dict("records")
    ]
    if not any(is_mute):
        return ""
    which = "" if all(is_mute) else f" of {', '.join(known.loc[is_mute, schema.VARIANT_ID])}"
    return f" The runs{which} are too few for the test over runs to reach p ≤ {ALPHA}."


def smallest_p(n_dense: int, n_variant: int, *, paired: bool) -> float:
    """Return the smallest p that exchanging all runs in every way could give, 0..1.

    The observed share comes back where every run is exchanged, too: 2 of the 2^K ways of K pairs,
    2 of the binomial(2 K, K) ways of equal populations, 1 otherwise.
    """
    if paired:
        return 2 / 2 ** min(n_dense, n_variant)
    mirrored = 2 if n_dense == n_variant else 1
    return mirrored / math.comb(n_dense + n_variant, n_variant)


MORE_RUNS = (
    "What belongs to these two models and what other seeds would do too cannot be told apart: a "
    "noise floor takes two dense runs, tests of classes two runs a variant; ten make both sharp."
)


def one_pair(pair: pd.Series, classes: pd.DataFrame) -> list[str]:
    """Say how accuracy changed, which classes did, and what more runs would give.

    Parameters
    ----------
    pair : Series
        The variant's row of the pairs table.
    classes : DataFrame
        Its rows of the classes table.
    """
    return [_accuracy(pair), _flipped_classes(classes), MORE_RUNS]


def pairing(manifest: Manifest) -> str:
    """Say how the runs of dense and of the variants belong together, single models image by image.

    Of single models nothing rests on whether their seeds are paired: they are the one pair there
    is.
    """
    done = {one.variant_id: manifest.done_seeds(one.variant_id) for one in manifest.variants}
    n_dense = len(done.pop(DENSE_ID, ()))
    n_of = {len(seeds) for seeds in done.values() if seeds}
    if n_dense != 1 or n_of != {1}:
        return manifest.pairing
    made = [one.variant_id for one in manifest.variants if one.paired and one.variant_id in done]
    return "one run a variant: each model is compared with the dense one image by image" + (
        f"; made from the dense one: {', '.join(made)}" if made else ""
    )


def _accuracy(pair: pd.Series) -> str:
    kl = pair[schema.KL_FROM_DENSE]
    apart = (
        "" if is_missing(kl) else f" Its outputs are {float(kl):.3g} nats from dense on average."
    )
    delta, low, high = (points(pair[name], 2) for name in ("top1_delta", "ci_low", "ci_high"))
    return (
        f"One pair of models: top-1 changes by {delta} points (95 % interval {low} to {high}, over "
        f"images; McNemar's exact p = {float(pair['mcnemar_p']):.2g}): "
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
    """Say under how many shifts single models are right on fewer or on more images than dense.

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


def findings(
    summary: pd.DataFrame,
    classes: pd.DataFrame,
    seed_tests: pd.DataFrame,
    pairs: pd.DataFrame | None = None,
    *,
    single: str | None = None,
) -> list[str]:
    """Say what was found: PIEs of the focus variant, PIEs beyond seed noise, and changed classes.

    The focus is the most compressed pruned variant, or the last one where nothing is pruned. What
    is said of PIEs beyond seed noise rests on two tests: the interval of the excess over images,
    with the seeds as they are, and the permutation test over runs, which other seeds would pass
    too. Only where both agree is it said without reserve.

    Parameters
    ----------
    summary : DataFrame
        The summary table, dense first.
    classes : DataFrame
        The classes table of any number of variants, the focus among them.
    seed_tests : DataFrame
        The seed-test table of the same variants.
    pairs : DataFrame, optional
        The pairs table: where the focus is in it, one run a variant, what is said of single models
        takes the place of what takes populations.
    single : str, optional
        The variant of the pairs table that is spoken of instead of the focus.

    Returns
    -------
    list of str
        Sentences in plain text, percent with one decimal; empty where there is dense alone.
    """
    compressed = summary[summary[schema.VARIANT_ID] != DENSE_ID]
    dense = summary[summary[schema.VARIANT_ID] == DENSE_ID]
    if compressed.empty or dense.empty:
        return []
    focus = _focus(compressed)
    if pairs is not None and single in set(pairs[schema.VARIANT_ID]):
        focus = compressed[compressed[schema.VARIANT_ID] == single].iloc[0]
    part = classes[classes[schema.VARIANT_ID] == focus[schema.VARIANT_ID]]
    scores = of_scores(
        summary[summary[schema.VARIANT_ID].isin([DENSE_ID, focus[schema.VARIANT_ID]])]
    )
    if pairs is not None and (pairs[schema.VARIANT_ID] == focus[schema.VARIANT_ID]).any():
        of_focus = pairs.set_index(schema.VARIANT_ID, drop=False).loc[focus[schema.VARIANT_ID]]
        return [_pies(focus, dense.iloc[0], part), *scores, *one_pair(of_focus, part)]
    over_runs = seed_tests.set_index(schema.VARIANT_ID)["p"].rename("seed_p").astype(float)
    tested = compressed.join(over_runs, on=schema.VARIANT_ID)
    return [
        _pies(focus, dense.iloc[0], part),
        *scores,
        beyond_noise(tested, n_dense=int(dense["n_runs"].iloc[0])),
        _classes_beyond_noise(focus, part),
    ]


def _focus(compressed: pd.DataFrame) -> pd.Series:
    pruned = compressed[compressed[schema.TARGET_SPARSITY].astype(float) > 0]
    if pruned.empty:
        return compressed.iloc[-1]
    return pruned.loc[pruned[schema.TARGET_SPARSITY].astype(float).idxmax()]


def _pies(focus: pd.Series, dense: pd.Series, classes: pd.DataFrame) -> str:
    n_images = int(classes["n_images"].sum())
    before, after = float(dense["top1_mean"]), float(focus["top1_mean"])
    change = (
        f"stays at {percent(after)}"
        if percent(before) == percent(after)
        else f"{'falls' if after < before else 'rises'} from {percent(before)} to {percent(after)}"
    )
    mean = "" if dense["n_runs"] == 1 == focus["n_runs"] else "mean "
    top1 = f"{mean}top-1 {change}"
    n_pies = int(focus["n_pies"])
    if not n_pies:
        return f"At {focus[schema.VARIANT_ID]} none of {n_images:,} images is a PIE; {top1}."
    return (
        f"At {focus[schema.VARIANT_ID]}, {n_pies:,} of {n_images:,} images "
        f"({percent(focus['pie_share'])}) are PIEs: {int(focus['n_forgotten']):,} forgotten"
        f"{ties_of_forgotten(focus)}, "
        f"{int(focus['n_recovered']):,} recovered, {int(focus['n_changed']):,} changed; {top1}."
    )


def _classes_beyond_noise(focus: pd.Series, classes: pd.DataFrame) -> str:
    tested = classes[classes["p"].notna()]
    if tested.empty:
        return "With fewer than two runs a variant no class can be tested."
    at_p, at_q = tested[impacted(tested, "p")], tested[impacted(tested, "q")]
    chance = f"{ALPHA * len(tested):.1f} expected by chance"
    where = f"At {focus[schema.VARIANT_ID]}"
    if at_p.empty:
        return (
            f"{where} no class out of {len(tested):,} moved significantly against overall accuracy "
            f"(p ≤ {ALPHA}; {chance})."
        )
    return (
        f"{where}, {len(at_p):,} of {len(tested):,} classes moved against overall accuracy at "
        f"p ≤ {ALPHA} ({chance}), {len(at_q):,} of them at q ≤ {ALPHA}: {_signs(at_p)}. A gain is "
        "relative: it may only mean that others lost."
    )


def _signs(rows: pd.DataFrame) -> str:
    delta = rows["normalized_recall_delta"].astype(float)
    lost = rows.loc[delta[delta < 0].sort_values().index]
    gained = rows.loc[delta[delta >= 0].sort_values(ascending=False).index]
    return f"{len(lost)} lost{_most(lost)} and {len(gained)} gained{_most(gained)}"


def _most(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    first = rows.iloc[0]
    word = "most: " if len(rows) > 1 else ""
    return (
        f" ({word}“{first[schema.CLASS_NAME]}”, {points(first['normalized_recall_delta'])} points)"
    )


def pairing_hints(results: SweepResults) -> list[str]:
    """Name the variants whose runs look made from the dense runs of their seeds, and the way out.

    Taken as independent, such runs are given more seed noise than they have: fewer PIEs than the
    noise floor, wider intervals.
    """
    way = (
        "import its files again with --paired --overwrite"
        if results.manifest.origin == "imported"
        else "run the models again with --paired, under another --name"
    )
    return [
        f"{variant_id} differs from the dense run of its seed on at most {percent(tie.equal)} of "
        f"the images, from those of other seeds on at least {percent(tie.different)}: its runs "
        f"look made from them, and are taken as independent; {way}"
        for variant_id, tie in results.seed_ties().items()
        if tie.is_likely
    ]
