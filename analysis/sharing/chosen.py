"""The images that are to be set out, and what is known of each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.figures.theme import footnote
from analysis.results import SweepResults

_NAMES = {
    "label_name": schema.LABEL,
    "dense_modal_name": "dense_modal_label",
    "modal_name": "modal_label",
}


@dataclass(frozen=True)
class Chosen:
    """Images of a sweep in the order given, beside one variant.

    ``words`` says in a line how they were chosen.

    Raises
    ------
    UserError
        An image is not there, or is named twice.
    CacheError
        There is no such variant, or it is dense itself.
    """

    results: SweepResults
    variant_id: str
    image_ids: npt.NDArray[np.int64]
    words: str = ""

    def __post_init__(self) -> None:
        self.results.manifest.variant(self.variant_id)
        if self.variant_id not in self.results.compressed_ids:
            raise UserError(
                f"'{self.variant_id}' cannot be held against dense; choose among "
                f"{', '.join(self.results.compressed_ids) or 'none yet'}"
            )
        ids = np.asarray(self.image_ids, np.int64)
        object.__setattr__(self, "image_ids", ids)
        n_images = len(self.results.label)
        outside = ids[(ids < 0) | (ids >= n_images)]
        if len(outside):
            raise UserError(
                f"image {outside[0]} is not among the {n_images} test images (0 to {n_images - 1})"
            )
        if len(np.unique(ids)) < len(ids):
            raise UserError("an image is named twice; name each once")

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.image_ids)

    @property
    def is_single(self) -> bool:
        """Whether dense and the variant are one model each, so that nothing is voted."""
        return self.results.manifest.is_single(self.variant_id)

    @property
    def said(self) -> str:
        """Name what either side says of an image."""
        return "prediction" if self.is_single else "modal label"

    @property
    def class_names(self) -> list[str]:
        """Class names in order of class id."""
        return self.results.class_names

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an image: the columns of ``images``, class names, path, size, ``meta_*``."""
        wanted = (*schema.PIE_COLUMNS, "dense_true_confidence")
        table = self.results.images(self.variant_id, columns=wanted).iloc[self.image_ids]
        table = table.reset_index(drop=True)
        names = np.asarray(self.class_names, object)
        table = table.assign(**{to: names[table[column]] for to, column in _NAMES.items()})
        more = self.results.metadata().iloc[self.image_ids].reset_index(drop=True)
        new = [name for name in more.columns if name not in table.columns]
        return pd.concat([table, more[new]], axis=1)

    @property
    def footnote(self) -> str:
        """Sweep, variant, runs, tie rule and date of the cache, as the figures have it."""
        manifest = self.results.manifest
        k = len(manifest.done_seeds(self.variant_id))
        return footnote(manifest.name, manifest.updated, k, self.results.ties, self.variant_id)

    @property
    def facts(self) -> dict[str, str]:
        """What the images are, as names and values."""
        manifest = self.results.manifest
        seeds = [len(manifest.done_seeds(v)) for v in (DENSE_ID, self.variant_id)]
        return {
            "sweep": manifest.name,
            "dataset": str(manifest.dataset.get("spec", "unknown")),
            "model": str(manifest.model.get("name", "unknown")),
            "variant": self.variant_id,
            "runs": f"{seeds[0]} dense, {seeds[1]} of the variant",
            "ties": self.results.ties,
            "chosen": self.words or "image by image",
            "images": f"{len(self)} of {len(self.results.label)}",
            "cache of": manifest.updated,
        }
