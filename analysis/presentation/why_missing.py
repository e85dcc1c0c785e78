"""Reasons why slices, scores, forecast, cascade or layers are missing, and how to get them."""

from analysis.config import DENSE_ID
from analysis.results import SweepResults
from analysis.store.manifest import Manifest

_SCORE_RUNS, _HALVES_RUNS, _TO_HALVE = 6, 3, 2


def more_runs(manifest: Manifest, seeds: int) -> str:
    """Describe how to get a sweep with so many seeds."""
    if manifest.origin == "imported":
        return f"'import' with the predictions of {seeds} seeds adds them"
    if manifest.origin == "external":
        return f"models of {seeds} seeds, VARIANT@SEED=MODEL, add them"
    return f"the same sweep with --seeds {seeds} adds them"


def no_slices(results: SweepResults, variant_id: str) -> str:
    """Explain why slices of a variant cannot be tested; empty if they can."""
    if results.can_test_slices(variant_id):
        return ""
    manifest = results.manifest
    n = len(manifest.done_seeds(DENSE_ID)), len(manifest.done_seeds(variant_id))
    more = more_runs(manifest, max(_HALVES_RUNS, *n))
    return (
        "Slices cannot be tested: they take one run of dense and one of the variant, or three of "
        f"dense and as many of the variant, and there are {n[0]} and {n[1]}; {more}."
    )


def no_scores(results: SweepResults) -> str:
    """Explain why scores of images cannot be tested; empty if dense has the runs."""
    n = len(results.manifest.done_seeds(DENSE_ID))
    if n >= _SCORE_RUNS:
        return ""
    return (
        "Scores cannot be tested: they take six dense runs, a third for the scores and the others "
        f"for halves, and there {'is' if n == 1 else 'are'} {n}; "
        f"{more_runs(results.manifest, _SCORE_RUNS)}."
    )


def no_forecast(results: SweepResults) -> str:
    """Explain why images cannot be ranked by doubt; empty if they can."""
    if results.has_doubt:
        return ""
    return (
        "There is no forecast: the dense runs give labels alone, without confidences; "
        f"{_confidences(results.manifest)}."
    )


def no_cascade(results: SweepResults, variant_id: str) -> str:
    """Explain why a variant has no cascade; empty if it has one."""
    manifest = results.manifest
    if not results.cascade(variant_id).empty:
        return ""
    tied = {*manifest.done_seeds(DENSE_ID)} & {*manifest.done_seeds(variant_id)}
    if not tied and not manifest.is_single(variant_id):
        return (
            "There is no cascade: no run of the variant has a dense run of its seed; "
            f"{more_runs(manifest, len(manifest.seeds))}."
        )
    return (
        "There is no cascade: the variant's runs give labels alone, so uncertain answers are "
        f"unknown; {_confidences(manifest)}."
    )


def no_layers(results: SweepResults, variant_id: str) -> str:
    """Explain why no layer of a variant can be put back to float; empty if one can."""
    manifest = results.manifest
    record = manifest.variant(variant_id)
    if manifest.origin == "imported":
        return (
            "An imported sweep has predictions and no models, whose layers could be put back; "
            "'sweep --models dense=NET.onnx int8=NET-int8.onnx' evaluates the models."
        )
    training = manifest.config.options.get("training") or {}
    is_trained = manifest.origin == "trained" and record.target_sparsity is not None
    if is_trained and "+" not in record.variant_id and training.get("schedule") != "oneshot":
        return (
            "This variant is trained while or after it is pruned and has weights of its own, so "
            "that no layer can be put back; '--variants int8-static' and '--schedule oneshot' make "
            "variants from the dense weights."
        )
    if results.most_forgotten(variant_id) < _TO_HALVE:
        return (
            "No run forgot two images, one to rank layers by and one to show them on; stronger "
            "compression or more test images give some."
        )
    return ""


def _confidences(manifest: Manifest) -> str:
    if manifest.origin == "imported":
        return "'import' of a table with the column confidence, or of scores, adds them"
    return "models that give scores have them ('sweep --scores auto')"
