"""Merge two sweeps whose runs were made on two machines."""

from copy import deepcopy

import pyarrow as pa

from analysis import schema
from analysis.errors import UserError
from analysis.store import Cache, SweepFolder
from analysis.store.join import IMAGES
from analysis.store.machines import machine_of, place_of, runs_by_machine
from analysis.store.manifest import Manifest, ShiftRecord
from analysis.store.matching import with_columns
from analysis.store.transfer import building, copy_files
from analysis.sweep.record import MADE, describe_config, differing_options


def merge(cache: Cache, first: str, second: str, name: str) -> Manifest:
    """Merge two sweeps of the same data, model and options into a new one; both stay unchanged.

    A run in both is taken from the first; its predictions must be the same bytes. The new sweep has
    the joined metadata columns and the studies of both.

    Raises
    ------
    UserError
        Data, origin or options, a run or a metadata column differ, or the new name is taken.
    """
    one, other = cache.existing(first), cache.existing(second)
    with building(cache.sweep(name)) as target:
        kept, added = one.manifest(), other.manifest()
        _check_same(kept, added)
        merged = _joined(kept, added, name)
        images = _with_metadata_of_both(one, other)
        copy_files(other, target, added.files.keys() - kept.files.keys())
        copy_files(one, target, kept.files)
        for sweep in (one, other):
            target.annotations.adopt(sweep.annotations)
            target.marks.adopt(sweep.marks)
        if images is not None:
            merged.files[IMAGES] = target.write_images(images)
        target.write_manifest(merged)
    return merged


def _check_same(kept: Manifest, added: Manifest) -> None:
    if kept.dataset_fingerprint != added.dataset_fingerprint:
        raise UserError(
            f"'{kept.name}' and '{added.name}' are of different data (their fingerprints differ)"
        )
    if kept.origin != added.origin:
        raise UserError(
            f"'{kept.name}' was {MADE[kept.origin]}, '{added.name}' {MADE[added.origin]}"
        )
    different = differing_options(kept, added.config.options)
    if different is not None:
        key, before, after = different
        raise UserError(
            f"'{kept.name}' and '{added.name}' were made with different options: {key} = {before} "
            f"and {after}"
        )


def _with_metadata_of_both(one: SweepFolder, other: SweepFolder) -> pa.Table | None:
    """Return the images of the first with the metadata of the second; None if nothing is added."""
    names = [
        name
        for name in other.image_columns()
        if name == schema.LABEL or name.startswith(schema.META_PREFIX)
    ]
    theirs, ours = other.read_images(names), one.image_columns()
    shared = one.read_images([name for name in names if name in ours])
    if not shared[schema.LABEL].equals(theirs[schema.LABEL]):
        raise UserError(f"'{one.name}' and '{other.name}' do not have the same test images")
    for name in shared.column_names:
        if not shared[name].equals(theirs[name]):
            raise UserError(
                f"'{one.name}' and '{other.name}' both have a column '{name}', and its values "
                "differ; bring them in line with 'python -m analysis join SWEEP FILE --overwrite'"
            )
    added = [name for name in names if name not in ours]
    return with_columns(one.read_images(), theirs.select(added)) if added else None


def _joined(kept: Manifest, added: Manifest, name: str) -> Manifest:
    for path in sorted(kept.files.keys() & added.files.keys()):
        same = kept.files[path].sha256 == added.files[path].sha256
        if "predictions" in path.split("/") and not same:
            raise UserError(
                f"'{kept.name}' and '{added.name}' both have {path}, and they differ"
                f"{_why_they_differ(kept, added)}"
            )
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
            copied = deepcopy(run)
            copied.machine = place_of(merged, machine_of(added, run))
            merged.runs.setdefault(variant_id, {})[str(seed)] = copied
    merged.shifts = _shifts_of_both(kept, added)
    merged.looks = max(kept.looks, added.looks, key=len)
    merged.created = ""
    describe_config(merged, kept.config.options)
    if kept.origin == "external":
        ours, theirs = (one.models for one in (kept, added))
        merged.models = ours | {run: theirs[run] for run in theirs if run not in ours}
        notes = [*kept.dataset.notes, *added.dataset.notes]
        merged.dataset.notes = list(dict.fromkeys(notes))
    if kept.origin == "imported":
        files = [*kept.imported, *added.imported]
        merged.imported = [one for i, one in enumerate(files) if one not in files[:i]]
        merged.settle_absent()
    return merged


def _why_they_differ(kept: Manifest, added: Manifest) -> str:
    ours, theirs = (next(iter(runs_by_machine(one)), None) for one in (kept, added))
    if ours is None or theirs is None or ours == theirs:
        return ""
    return (
        f"; the first was made on {ours}, the second on {theirs}, which round differently: "
        "make both on one kind of machine"
    )


def _shifts_of_both(kept: Manifest, added: Manifest) -> list[ShiftRecord]:
    shifts = {record.name: deepcopy(record) for record in kept.shifts}
    for theirs in added.shifts:
        ours = shifts.setdefault(theirs.name, theirs)
        if (ours.corruption, ours.severity, ours.fingerprint) != (
            theirs.corruption, theirs.severity, theirs.fingerprint
        ):  # fmt: skip
            raise UserError(
                f"'{kept.name}' and '{added.name}' both have a shift '{theirs.name}', of different "
                "images"
            )
        for variant_id, seeds in theirs.done.items():
            ours.done[variant_id] = sorted({*seeds, *ours.done.get(variant_id, [])})
        ours.n_images = ours.n_images or theirs.n_images
    return list(shifts.values())
