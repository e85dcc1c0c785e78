"""What was evaluated, in words: the images, how external models are fed, what was noted."""

from analysis.presentation.formatting import one_line
from analysis.store.manifest import Manifest


def images_sentence(manifest: Manifest) -> str:
    """Say which images of the dataset the sweep is of; empty where the manifest does not say.

    Parameters
    ----------
    manifest : Manifest
        Its dataset holds the selection, such as "1,000 of 1,797 images: the test split".
    """
    return one_line(manifest.dataset.selection or "")


def feeding_sentences(manifest: Manifest) -> list[str]:
    """Say how external models are fed, those that are fed alike in one sentence.

    Parameters
    ----------
    manifest : Manifest
        Its ``models`` hold the input of each run; the places of the files are left out.

    Returns
    -------
    list of str
        ``"dense, int8: float32 [N, 3, 224, 224], centre crop, …"``, plain text; empty where
        nothing external was run.
    """
    alike: dict[str, list[str]] = {}
    for run, one in manifest.models.items():
        variant_id = run.partition("@")[0]
        _, found, said = one.input.partition(f"={one.model}: ")
        names = alike.setdefault(one_line(said if found else one.input), [])
        if variant_id not in names:
            names.append(variant_id)
    return [f"{one_line(', '.join(names))}: {said}" for said, names in alike.items()]


def note_sentences(manifest: Manifest) -> list[str]:
    """Return what was noted of the images and the models, each once, as plain text.

    Parameters
    ----------
    manifest : Manifest
        Its dataset holds the notes: a better feeding, an accepted order of the classes, images
        without an answer.
    """
    return list(dict.fromkeys(filter(None, map(one_line, manifest.dataset.notes))))
