"""Merging two sweeps: the runs of one sweep that were made on two machines."""

import os
import shutil
from pathlib import Path

from analysis.bookkeeping import describe_config
from analysis.errors import UserError
from analysis.manifest import Manifest
from analysis.store import Cache, SweepFolder


def merge(cache: Cache, first: str, second: str, name: str) -> Manifest:
    """Merge two sweeps of the same data, model and options into a new one; both stay as they are.

    A run that both have is taken from the first; its predictions must be the same bytes.

    Raises
    ------
    UserError
        The two are not of one sweep, a run of theirs differs, or the new name is taken.
    """
    one, other, target = cache.existing(first), cache.existing(second), cache.sweep(name)
    if target.path.exists():
        raise UserError(f"'{name}' is there already in {cache.root}; choose another name")
    kept, added = one.manifest(), other.manifest()
    _check_same(kept, added)
    merged = _joined(kept, added, name)
    building = SweepFolder(target.path.with_name(f".tmp-{os.getpid()}-{name}"))
    try:
        for folder, manifest in ((other, added), (one, kept)):
            _copy(folder, manifest, building.path)
        building.write_manifest(merged)
        os.replace(building.path, target.path)
    finally:
        shutil.rmtree(building.path, ignore_errors=True)
    return merged


def _check_same(kept: Manifest, added: Manifest) -> None:
    if kept.dataset_fingerprint != added.dataset_fingerprint:
        raise UserError(
            f"'{kept.name}' and '{added.name}' are of different data (their fingerprints differ)"
        )
    before, after = (dict(m.config.get("options", {})) for m in (kept, added))
    for options in (before, after):
        options.pop("dataset", None)
    if before != after:
        raise UserError(
            f"'{kept.name}' and '{added.name}' were made with different options: {before} and "
            f"{after}"
        )


def _joined(kept: Manifest, added: Manifest, name: str) -> Manifest:
    for path in sorted(kept.files.keys() & added.files.keys()):
        same = kept.files[path].sha256 == added.files[path].sha256
        if path.startswith("predictions/") and not same:
            raise UserError(f"'{kept.name}' and '{added.name}' both have {path}, and they differ")
    known = {variant.variant_id for variant in kept.variants}
    variants = [
        *kept.variants,
        *(variant for variant in added.variants if variant.variant_id not in known),
    ]
    merged = Manifest.from_json(kept.to_json(), kept.name)
    merged.name, merged.variants = name, variants
    merged.seeds = sorted({*kept.seeds, *added.seeds})
    merged.files = added.files | kept.files
    for variant_id, seed, run in added.all_runs():
        if kept.run(variant_id, seed).state != "done" and run.state == "done":
            merged.runs.setdefault(variant_id, {})[str(seed)] = run
    merged.created = ""
    describe_config(merged, kept.config.get("options", {}))
    return merged


def _copy(folder: SweepFolder, manifest: Manifest, target: Path) -> None:
    for relative in manifest.files:
        place = target / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(folder.path / relative, place)
        except FileNotFoundError:
            raise UserError(
                f"{folder.path / relative} is missing; 'python -m analysis verify {folder.name}' "
                "lists what is wrong"
            ) from None
