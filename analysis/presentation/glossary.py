"""Glossary: the words of the field, explained in one sentence each."""

from typing import Final

TERMS: Final = {
    "PIE": "An image whose modal label differs between the compressed and the dense models "
    "(pruning identified exemplar, Hooker et al. 2019).",
    "Modal label": "The class that most models of a variant, one a seed, predict for an image.",
    "Dense": "The uncompressed models, which every variant is compared with.",
    "Variant": "The models compressed in one way: a method, and a level where it takes one.",
    "Tie": "Two classes get equally many votes for an image; the tie rule decides which of them is "
    "the modal label.",
    "Noise floor": "The share of PIEs between two random halves of the dense runs: what other "
    "seeds change without any compression.",
    "A/A": "A comparison of dense models with other dense models: whatever it finds is seed noise.",
    "PIE excess": "The share of PIEs beyond the noise floor, with halves of the runs on both "
    "sides: what compression adds to seeds.",
    "Forgotten": "The dense modal label is right, and the variant's wrong; recovered is the "
    "reverse, changed is both wrong.",
    "Vote distance": "How far apart the votes of the variant's and of the dense models are: 0 "
    "where they are the same, 1 where no class has votes of both.",
    "Agreement": "The share of a variant's models that predict its modal label.",
    "Breaking point": "The smallest sparsity of a method from which on the image is a PIE at "
    "every larger one tested.",
    "Sparsity": "The share of weights that pruning removed.",
    "q": "A p-value corrected for many tests: of all that is found at q ≤ 0.05, one in twenty is "
    "expected to be false.",
}


def explained(*terms: str) -> str:
    """Return the definitions of terms, a paragraph each, as Markdown for a help tooltip.

    Parameters
    ----------
    *terms : str
        Names of ``TERMS``.
    """
    return "\n\n".join(f"**{term}**: {TERMS[term]}" for term in terms)
