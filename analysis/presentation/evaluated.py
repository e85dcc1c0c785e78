"""Descriptions of an evaluation: its images, how models are fed, notes, looks and machines."""

from analysis.presentation.formatting import many, one_line
from analysis.store.machines import runs_by_machine
from analysis.store.manifest import Manifest


def images_sentence(manifest: Manifest) -> str:
    """Name the evaluated images of the dataset; empty if the manifest does not record them.

    Parameters
    ----------
    manifest : Manifest
        Its dataset holds the selection, such as "1,000 of 1,797 images: the test split".
    """
    return one_line(manifest.dataset.selection or "")


def feeding_sentences(manifest: Manifest) -> list[str]:
    """Describe how external models are fed, with one sentence for those fed in the same way.

    Parameters
    ----------
    manifest : Manifest
        Its ``models`` hold the input of each run; the paths of the files are left out.

    Returns
    -------
    list of str
        ``"dense, int8: float32 [N, 3, 224, 224], centre crop, …"``, plain text; empty without
        external models.
    """
    variants: dict[str, list[str]] = {}
    for run, one in manifest.models.items():
        variant_id = run.partition("@")[0]
        _, separator, feeding = one.input.partition(f"={one.model}: ")
        names = variants.setdefault(one_line(feeding if separator else one.input), [])
        if variant_id not in names:
            names.append(variant_id)
    return [f"{one_line(', '.join(names))}: {feeding}" for feeding, names in variants.items()]


def note_sentences(manifest: Manifest) -> list[str]:
    """Return the notes on images, models and machines, each once, as plain text.

    Parameters
    ----------
    manifest : Manifest
        Its dataset holds the notes: a better feeding, an accepted order of the classes, images
        without an answer.
    """
    notes = [*manifest.dataset.notes, *machine_notes(manifest)]
    return list(dict.fromkeys(filter(None, map(one_line, notes))))


def looks_sentence(manifest: Manifest) -> str:
    """State how often seeds were added once results could be seen; empty if none were.

    Parameters
    ----------
    manifest : Manifest
    """
    if len(manifest.looks) < 2:
        return ""
    first, *later = manifest.looks
    added = ", then ".join(f"{many(one.seeds, 'seed')} ({one_line(one.time)})" for one in later)
    return (
        f"{manifest.n_looks}: {many(first.seeds, 'seed')} planned ({one_line(first.time)}); "
        f"extended once results could be seen, to {added}"
    )


def machine_sentences(manifest: Manifest) -> list[str]:
    """List the kinds of machine that the runs were made on, most runs first.

    Parameters
    ----------
    manifest : Manifest
        Older ones do not record machines.

    Returns
    -------
    list of str
        ``"80 runs: AVX2 of a processor, torch 2.13.0"``, plain text.
    """
    return [
        f"{many(n, 'run')}: {one_line(machine)}" for machine, n in runs_by_machine(manifest).items()
    ]


def machine_notes(manifest: Manifest) -> list[str]:
    """Warn of runs made on kinds of machine that round differently; empty if all are of one kind.

    Parameters
    ----------
    manifest : Manifest
    """
    kinds = machine_sentences(manifest)
    if len(kinds) < 2:
        return []
    listed = "; ".join(kinds)
    effect = (
        "a model's scores differ between them by rounding"
        if manifest.origin == "external"
        else "they round differently, which grows during pruning until a seed is nearly a new one, "
        "so runs of one seed that were made on different ones share little but its number"
    )
    return [f"the runs were made on {len(kinds)} kinds of machine ({listed}): {effect}"]
