"""The manifest of a sweep: what was asked, how it was made, and the state of every run."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from analysis.config import DENSE_ID
from analysis.errors import CacheError
from analysis.schema import SCHEMA_VERSION

# What names a folder or a file of the sweep is one name, and leads nowhere else.
_FOLDER = re.compile(r"(?!\.{1,2}\Z)[^/\\:\x00-\x1f\x7f]{1,255}")

# "absent": an import did not bring it, and nothing will make it.
RunState = Literal["planned", "done", "failed", "absent"]


@dataclass
class RunRecord:
    """One run: its state, and what was measured of its model.

    ``sparsity`` is a fraction of the prunable weights, ``size_bytes`` counts weights, scales,
    zero points and buffers as stored, ``latency_ms`` is the median forward pass of one image on
    the device and threads named in the manifest, ``compute_dtype`` what its layers compute in.
    """

    state: RunState = "planned"
    error: str | None = None
    sparsity: float | None = None
    weight_bits: float | None = None
    size_bytes: int | None = None
    latency_ms: float | None = None
    seconds: float | None = None
    compute_dtype: str | None = None


@dataclass
class FileRecord:
    """One file as it was written: SHA-256 of its bytes, its size and, for a table, its rows."""

    sha256: str
    size: int
    rows: int | None = None


@dataclass
class VariantRecord:
    """One variant as the cache knows it."""

    variant_id: str
    method: str
    target_sparsity: float | None
    paired: bool = False


@dataclass
class ShiftRecord:
    """One shift: what it is, and the seeds of each variant that are predicted on it.

    ``fingerprint`` is that of a natural shift's images, ``n_images`` how many of them are used;
    ``failed`` maps ``<variant_id>/seed-<k>`` to what went wrong.
    """

    name: str
    corruption: str | None = None
    severity: int | None = None
    dataset: str | None = None
    fingerprint: str | None = None
    n_images: int | None = None
    done: dict[str, list[int]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    left_out: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Manifest:
    """Everything about a sweep besides its tables; ``class_names`` is in order of class id."""

    name: str
    config: dict[str, Any]
    dataset: dict[str, Any]
    dataset_fingerprint: str
    class_names: list[str]
    variants: list[VariantRecord]
    seeds: list[int]
    pairing: str = ""
    left_out: list[dict[str, str]] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    git_commit: str | None = None
    device: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    updated: str = ""
    runs: dict[str, dict[str, RunRecord]] = field(default_factory=dict)
    files: dict[str, FileRecord] = field(default_factory=dict)
    shifts: list[ShiftRecord] = field(default_factory=list)
    schema_version: int = SCHEMA_VERSION

    def run(self, variant_id: str, seed: int) -> RunRecord:
        """Return the record of one run, made on first use."""
        return self.runs.setdefault(variant_id, {}).setdefault(str(seed), RunRecord())

    def all_runs(self) -> Iterator[tuple[str, int, RunRecord]]:
        """Yield (variant_id, seed, record) in the order of variants and seeds."""
        for variant in self.variants:
            for seed in self.seeds:
                yield variant.variant_id, seed, self.run(variant.variant_id, seed)

    def done_seeds(self, variant_id: str) -> list[int]:
        """Return the seeds of a variant whose runs are done, ascending."""
        runs = self.runs.get(variant_id, {})
        return sorted(int(seed) for seed, record in runs.items() if record.state == "done")

    def is_single(self, variant_id: str) -> bool:
        """Whether dense and a variant are one run each: a pair of single models (K = 1)."""
        return len(self.done_seeds(DENSE_ID)) == 1 == len(self.done_seeds(variant_id))

    def shift(self, name: str) -> ShiftRecord:
        """Return the record of one shift.

        Raises
        ------
        CacheError
            The sweep has no shift of that name; the message lists those it has.
        """
        for record in self.shifts:
            if record.name == name:
                return record
        known = ", ".join(record.name for record in self.shifts) or "none"
        raise CacheError(f"sweep '{self.name}' has no shift '{name}'; it has {known}")

    def shifted_seeds(self, name: str, variant_id: str) -> list[int]:
        """Return the seeds of a variant that are done and predicted on a shift, ascending."""
        return sorted({*self.shift(name).done.get(variant_id, [])} & {*self.done_seeds(variant_id)})

    @property
    def n_shifted_done(self) -> int:
        """Number of runs predicted on a shift, summed over the shifts."""
        return sum(
            len(self.shifted_seeds(shift.name, variant.variant_id))
            for shift in self.shifts
            for variant in self.variants
        )

    @property
    def n_shifted(self) -> int:
        """Number of runs times shifts asked."""
        return len(self.shifts) * self.n_runs

    @property
    def n_done(self) -> int:
        """Number of runs done."""
        return sum(record.state == "done" for _, _, record in self.all_runs())

    @property
    def n_runs(self) -> int:
        """Number of runs asked; those that an import did not bring do not count."""
        return sum(record.state != "absent" for _, _, record in self.all_runs())

    @property
    def is_complete(self) -> bool:
        """Whether every run asked is done."""
        return self.n_done == self.n_runs

    @property
    def is_imported(self) -> bool:
        """Whether its predictions were made elsewhere."""
        return "imported" in self.config

    @property
    def is_given(self) -> bool:
        """Whether its predictions are those of given models, none trained here."""
        return "models" in self.config

    def settle_absent(self) -> None:
        """Call every run absent that is not done: of what was imported nothing else can come."""
        for _, _, record in self.all_runs():
            if record.state != "done":
                record.state = "absent"

    def variant(self, variant_id: str) -> VariantRecord:
        """Return the record of one variant.

        Raises
        ------
        CacheError
            The sweep has no variant of that name; the message lists those it has.
        """
        for record in self.variants:
            if record.variant_id == variant_id:
                return record
        known = ", ".join(record.variant_id for record in self.variants)
        raise CacheError(f"sweep '{self.name}' has no variant '{variant_id}'; it has {known}")

    def to_json(self) -> str:
        """Write the manifest as JSON text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Manifest":
        """Read a manifest; ``where`` names its file in messages.

        Raises
        ------
        CacheError
            The text is no manifest, or one of another schema version.
        """
        try:
            raw = json.loads(text)
            version = raw["schema_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise CacheError(
                f"{where} is damaged ({type(error).__name__}); restore it from a copy, or run "
                "'python -m analysis remove' on that sweep and make it anew"
            ) from error
        if version != SCHEMA_VERSION:
            raise CacheError(
                f"{where} has schema version {version}; this Lethe reads version "
                f"{SCHEMA_VERSION}: use the Lethe that wrote it, or make the sweep anew"
            )
        try:
            known = {f.name for f in fields(cls)}
            values = {key: value for key, value in raw.items() if key in known}
            values["variants"] = [VariantRecord(**v) for v in raw["variants"]]
            values["runs"] = {
                variant_id: {seed: RunRecord(**record) for seed, record in runs.items()}
                for variant_id, runs in raw["runs"].items()
            }
            values["files"] = {path: FileRecord(**f) for path, f in raw["files"].items()}
            values["shifts"] = [ShiftRecord(**s) for s in raw.get("shifts", [])]
            made = cls(**values)
            _check_places(made)
            return made
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CacheError(f"{where} is damaged: {error}") from error


def _check_places(manifest: Manifest) -> None:
    """See that no name in a manifest leads out of the sweep's folder: anybody may have written it.

    Raises
    ------
    ValueError
        One does.
    """
    folders = [*manifest.runs, *(one.variant_id for one in manifest.variants)]
    for shift in manifest.shifts:
        folders += [shift.name, *shift.done]
    seeds = [*manifest.seeds, *(int(seed) for runs in manifest.runs.values() for seed in runs)]
    for name in folders:
        if not _FOLDER.fullmatch(name):
            raise ValueError(f"{name!r:.80} cannot be the name of a folder")
    for seed in seeds:
        if not isinstance(seed, int):
            raise ValueError(f"{seed!r:.80} is no seed")
    for path in manifest.files:
        if not all(map(_FOLDER.fullmatch, path.split("/"))):
            raise ValueError(f"{path!r:.80} is no file of the sweep")
