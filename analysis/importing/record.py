"""Begin the manifest of an imported sweep and add the runs of an import."""

import hashlib
import platform
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.importing.encode import order, variant_record
from analysis.importing.images import Known
from analysis.importing.request import ImportConfig
from analysis.store.looks import note_look, seeds_seen
from analysis.store.manifest import DatasetRecord, DeviceRecord, ImportedFile, Manifest

Run = tuple[str, int]
_RUNS = "runs"
_LIBRARIES = ("numpy", "pandas", "pyarrow", "pillow")
SPEC = "imported predictions"


def fingerprint(
    class_names: tuple[str, ...],
    label: npt.NDArray[np.int32],
    names: list[str],
    images: str,
) -> str:
    """Return the SHA-256 of class names, labels, image names and image fingerprint."""
    digest = hashlib.sha256(
        "\0".join(("imported", images, *class_names)).encode("utf-8", "replace")
    )
    digest.update(label.astype("<i4").tobytes())
    for name in names:
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


def new_manifest(
    config: ImportConfig,
    class_names: tuple[str, ...],
    data_fingerprint: str,
    known: Known | None,
    n_images: int,
) -> Manifest:
    """Begin the manifest of an imported sweep."""
    dataset = DatasetRecord(config.images or SPEC, n_train=0, n_test=n_images)
    dataset.images_fingerprint = None if known is None else known.fingerprint
    return Manifest(
        name=config.name,
        dataset=dataset,
        dataset_fingerprint=data_fingerprint,
        class_names=list(class_names),
        origin="imported",
        device=DeviceRecord("imported"),
    )


def add_runs(
    manifest: Manifest, runs: list[tuple[str, int]], files: list[dict[str, Any]], *, paired: bool
) -> None:
    """Add variants, seeds, runs and their files to a manifest.

    Raises
    ------
    UserError
        An existing variant is paired with dense and the imported one is not, or the reverse.
    """
    seen = seeds_seen(manifest)
    known = {record.variant_id: record for record in manifest.variants}
    added = []
    for variant_id in dict.fromkeys(variant_id for variant_id, _ in runs):
        record = variant_record(variant_id, paired=paired)
        before = known.get(variant_id)
        if before is None:
            added.append(record)
        elif before.paired != record.paired:
            others = {*manifest.done_seeds(variant_id)} - {s for v, s in runs if v == variant_id}
            if others:
                how = "with" if before.paired else "without"
                raise UserError(
                    f"variant '{variant_id}' of sweep '{manifest.name}' was imported {how} "
                    "--paired; import its other runs the same way"
                )
            before.paired = record.paired
    manifest.variants = [*manifest.variants, *sorted(added, key=order)]
    manifest.variants.sort(key=lambda record: record.variant_id != DENSE_ID)
    manifest.seeds = sorted({*manifest.seeds, *(seed for _, seed in runs)})
    for variant_id, seed in runs:
        manifest.run(variant_id, seed).state = "done"
    manifest.settle_absent()
    note_look(manifest, seen)
    manifest.config.variants = [record.variant_id for record in manifest.variants]
    manifest.config.seeds = len(manifest.seeds)
    new = [ImportedFile(**one) for one in files]
    manifest.imported += [one for one in new if one not in manifest.imported]
    paired_ids = [record.variant_id for record in manifest.variants if record.paired]
    manifest.pairing = (
        f"imported; seed k of {', '.join(paired_ids)} was made from dense seed k"
        if paired_ids
        else "imported; runs are taken as independent of the dense ones"
    )
    manifest.versions = {name: version(name) for name in _LIBRARIES}
    manifest.versions["python"] = platform.python_version()


def note_of_runs(runs: list[Run]) -> dict[str, Any]:
    """Return the note of an import's runs, for the process that finishes it after a kill."""
    return {_RUNS: [list(run) for run in runs]}


def interrupted_runs(note: dict[str, Any] | None) -> set[Run]:
    """Return the runs of an import that was interrupted while publishing."""
    return {(str(variant_id), int(seed)) for variant_id, seed in (note or {}).get(_RUNS, [])}
