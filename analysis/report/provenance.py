"""How a sweep was made, and the commands that make it and its report again."""

import shlex

from analysis import __version__
from analysis.command import shift_words, sweep_command
from analysis.manifest import Manifest
from analysis.one_pair import pairing
from analysis.report.scope import Scope
from analysis.wording import count


def facts(scope: Scope) -> dict[str, str]:
    """Say what the sweep is of and how it was made, each in a few words."""
    manifest = scope.manifest
    dataset, model, device = manifest.dataset, manifest.model, manifest.device
    size = " x ".join(str(side) for side in model.get("image_size", ()))
    given = {
        "Dataset": dataset.get("spec"),
        "Test images": count(len(scope.results.label)),
        "Train images": count(dataset["n_train"]) if dataset.get("n_train") else None,
        "Classes": count(len(manifest.class_names)),
        "Dataset fingerprint": manifest.dataset_fingerprint,
        "Model": model.get("name"),
        "Parameters": count(model["parameters"]) if model.get("parameters") else None,
        "Prunable weights": count(model["prunable"]) if model.get("prunable") else None,
        "Model input": size,
        "First weights": model.get("weights"),
        "Runs": f"{manifest.n_done} of {manifest.n_runs}: {len(manifest.variants)} variants x "
        f"{len(manifest.seeds)} seeds",
        "Shifts": ", ".join(shift.name for shift in manifest.shifts),
        "Pairing": pairing(manifest),
        "Device": ", ".join(f"{key} {value}" for key, value in device.items()),
        "Sweep begun": manifest.created,
        "Cache changed": manifest.updated,
        "Git commit of the sweep": manifest.git_commit,
        "Tie rule": scope.results.ties,
    }
    return {name: str(value) for name, value in given.items() if value}


def options(manifest: Manifest) -> dict[str, str]:
    """Every option that results depend on and that has a value, by its name."""
    given = dict(manifest.config.get("options", {}))
    training = given.pop("training", {})
    return {
        key.replace("_", "-"): str(value)
        for key, value in (given | training).items()
        if value is not None
    }


def versions(manifest: Manifest) -> dict[str, str]:
    """Libraries that made the sweep, and the Lethe that wrote the report."""
    return manifest.versions | {"lethe (this report)": __version__}


def commands(scope: Scope) -> list[str]:
    """Commands that make the sweep, the report and its tables again; quoted for a shell."""
    manifest, name = scope.manifest, scope.manifest.name
    ties = [] if scope.results.ties == "confidence" else ["--ties", scope.results.ties]
    chosen = [] if scope.is_whole else [w for v in scope.variant_ids for w in ("--variant", v)]
    is_known = bool(manifest.config.get("options"))
    made = [sweep_command(manifest, *shift_words(manifest))] if is_known else []
    return [
        *made,
        shlex.join(["python", "-m", "analysis", "report", name, "--out", "report", *chosen, *ties]),
        shlex.join(["python", "-m", "analysis", "show", name, "--results"]),
        shlex.join(["python", "-m", "analysis", "export", name, "images", *ties, "--out",
                    "images.csv"]),
        shlex.join(["python", "-m", "analysis", "verify", name]),
    ]  # fmt: skip
