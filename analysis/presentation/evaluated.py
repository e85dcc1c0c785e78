"""What was evaluated, in words: the images, how external models are fed, what was noted."""

from analysis.presentation.formatting import many, one_line
from analysis.store.machines import runs_by_machine
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
        without an answer. Then what is to be known of the machines.
    """
    notes = [*manifest.dataset.notes, *machine_notes(manifest)]
    return list(dict.fromkeys(filter(None, map(one_line, notes))))


def looks_sentence(manifest: Manifest) -> str:
    """Say how often seeds were added once results could be seen; empty where none were.

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
    """Say which machines the runs were made on, those alike together, most runs first.

    Parameters
    ----------
    manifest : Manifest
        Older ones do not say it of their runs.

    Returns
    -------
    list of str
        ``"80 runs: AVX2 of a processor, torch 2.13.0"``, plain text.
    """
    return [
        f"{many(n, 'run')}: {one_line(machine)}" for machine, n in runs_by_machine(manifest).items()
    ]


def machine_notes(manifest: Manifest) -> list[str]:
    """Warn where the runs were made on machines that round otherwise; empty where they were not.

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
        else "they round otherwise, which grows during pruning until a seed is nearly a new one, "
        "so runs of one seed that were made on different ones share little but its number"
    )
    return [f"the runs were made on {len(kinds)} kinds of machine ({listed}): {effect}"]
