"""Merging two sweeps: the runs of one sweep that were made on two machines."""

from analysis.bookkeeping import describe_config, differing_options
from analysis.errors import UserError
from analysis.manifest import Manifest
from analysis.store import Cache
from analysis.store.moving import building, copy_files


def merge(cache: Cache, first: str, second: str, name: str) -> Manifest:
    """Merge two sweeps of the same data, model and options into a new one; both stay as they are.

    A run that both have is taken from the first; its predictions must be the same bytes.

    Raises
    ------
    UserError
        The two are not of one sweep, a run of theirs differs, or the new name is taken.
    """
    one, other = cache.existing(first), cache.existing(second)
    with building(cache.sweep(name)) as target:
        kept, added = one.manifest(), other.manifest()
        _check_same(kept, added)
        merged = _joined(kept, added, name)
        copy_files(other, target, added.files.keys() - kept.files.keys())
        copy_files(one, target, kept.files)
        target.write_manifest(merged)
    return merged


def _check_same(kept: Manifest, added: Manifest) -> None:
    if kept.dataset_fingerprint != added.dataset_fingerprint:
        raise UserError(
            f"'{kept.name}' and '{added.name}' are of different data (their fingerprints differ)"
        )
    different = differing_options(kept.config.get("options", {}), added.config.get("options", {}))
    if different is not None:
        key, before, after = different
        raise UserError(
            f"'{kept.name}' and '{added.name}' were made with different options: {key} = {before} "
            f"and {after}"
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
