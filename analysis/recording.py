"""Noting in the manifest what runs came to, each as soon as it is known."""

from concurrent.futures import Future

from analysis.errors import one_line
from analysis.manifest import Manifest
from analysis.run import Outcome, Shifted
from analysis.store import SweepFolder

Run = tuple[str, int]


def record_run(
    folder: SweepFolder, manifest: Manifest, run: Run, future: "Future[Outcome]"
) -> None:
    """Note what a run came to, done or failed, and write the manifest."""
    record = manifest.run(*run)
    try:
        outcome = future.result()
    except Exception as error:
        record.state, record.error = "failed", one_line(error)
    else:
        for key, value in outcome.measured.items():
            setattr(record, key, value)
        record.state, record.error = "done", None
        record.latency_ms, record.seconds = outcome.latency_ms, round(outcome.seconds, 3)
        manifest.files |= outcome.files
    folder.write_manifest(manifest)


def record_shifted(
    folder: SweepFolder,
    manifest: Manifest,
    run: Run,
    names: tuple[str, ...],
    future: "Future[Shifted]",
) -> None:
    """Note what predicting a run on some shifts came to, done or failed, and write the manifest."""
    variant_id, seed = run
    try:
        shifted = future.result()
    except Exception as error:
        shifted = Shifted((), dict.fromkeys(names, one_line(error)), {})
    for name in names:
        record = manifest.shift(name)
        record.failed.pop(f"{variant_id}/seed-{seed}", None)
        if name in shifted.done:
            record.done[variant_id] = sorted({*record.done.get(variant_id, []), seed})
        else:
            record.failed[f"{variant_id}/seed-{seed}"] = shifted.failed[name]
    manifest.files |= shifted.files
    folder.write_manifest(manifest)
