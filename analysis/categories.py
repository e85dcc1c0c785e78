"""What people say of an image: the categories of the human study, one key each."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Category:
    """One answer: ``key`` as it is stored, ``name`` and ``about`` as a rater reads them."""

    key: str
    name: str
    about: str


CATEGORIES: Final = (
    Category(
        "incorrect-label",
        "Incorrect or inadequate label",
        "The label is wrong, or does not say what the picture is of.",
    ),
    Category(
        "multiple-objects",
        "Multiple objects",
        "Several things are shown, and the label names one of them.",
    ),
    Category(
        "co-occurring-labels",
        "Frequently co-occurring labels",
        "What is shown usually comes with something that has a label of its own.",
    ),
    Category(
        "atypical",
        "Atypical example",
        "A rare kind, angle or setting of what the label says.",
    ),
    Category(
        "fine-grained",
        "Fine-grained",
        "Telling it from a very similar class takes expert knowledge.",
    ),
    Category(
        "abstract",
        "Abstract representation",
        "A drawing, a toy, a sculpture: not the thing itself.",
    ),
    Category(
        "low-quality",
        "Corrupted or low quality",
        "Blurred, noisy, dark, cut off or hidden.",
    ),
    Category("none", "None of these", "A clear picture with the right label."),
)
KEYS: Final = tuple(category.key for category in CATEGORIES)
NO_MAJORITY: Final = "no-majority"

PIE: Final = "pie"
AA_PIE: Final = "aa-pie"
NON_PIE: Final = "non-pie"
GROUPS: Final = (PIE, AA_PIE, NON_PIE)
