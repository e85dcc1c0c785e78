"""Why images were forgotten and what keeping them costs, said of one variant in a report."""

from analysis.errors import LetheError
from analysis.presentation.layer_findings import layers_sentence
from analysis.presentation.why_findings import (
    cascade_sentence,
    forecast_sentence,
    scores_sentence,
    slices_sentence,
)
from analysis.presentation.why_missing import no_cascade, no_forecast, no_scores, no_slices
from analysis.results import SweepResults


def why_and_what_now(results: SweepResults, variant_id: str) -> list[str]:
    """Say what slices, scores, forecast, cascade and culprit layers found, a sentence each.

    Parameters
    ----------
    results : SweepResults
    variant_id : str
        The variant that is spoken of.
    """
    said = [
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
        return [*said, str(problem)]
    return [*said, layers_sentence(layers)] if len(layers) else said
