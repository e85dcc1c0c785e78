"""From a mark of the results of a study to its images in the gallery."""

import numpy as np

from analysis.results.annotations import images_of_majority
from dashboard import data, feature_data
from dashboard.context import Context
from dashboard.links import Point, open_gallery


def open_said(context: Context, name: str, point: Point) -> None:
    """Open the images of a group that a study judged to be of a category; nothing without any."""
    study = data.study(context.results, name)
    category, group = (str(one) for one in point["customdata"][:2])
    ids = images_of_majority(study, category, group)
    if ids:
        selected = feature_data.keep_selected(context.results, np.asarray(ids, np.int64))
        variant = study.design.variant_id
        open_gallery(context, variant=variant, population="all", selected=selected)
