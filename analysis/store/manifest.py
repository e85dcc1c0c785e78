"""The manifest of a sweep: its request, its provenance, and the state of every run.

msgspec decodes a file into these structures and reports a wrong type with its place. Fields added
by a later Lethe of the same schema version are kept and written back.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from analysis.config import DENSE_ID
from analysis.errors import CacheError, DamageError
from analysis.schema import SCHEMA_VERSION
from analysis.store.records import Look, MachineRecord, TailRecord
from analysis.store.sealing import KEY, BrokenSealError, sealed, unsealed
from analysis.store.versions import Json, migrated, overlaid, unknown_part

# A folder or file of the sweep is one path component that stays inside it.
_FOLDER = re.compile(r"(?!\.{1,2}\Z)[^/\\:\x00-\x1f\x7f]{1,255}")

# "absent": missing from an import; nothing will make it.
RunState = Literal["planned", "done", "failed", "absent"]
# Source of the models: trained by the sweep, model files, or imported predictions.
Origin = Literal["trained", "external", "imported"]


class RunRecord(msgspec.Struct):
    """One run: its state and the measurements of its model.

    ``sparsity`` is a fraction of the prunable weights, ``size_bytes`` counts weights, scales, zero
    points and buffers as stored, ``latency_ms`` is the median forward pass of one image on the
    device and threads in the manifest, ``compute_dtype`` the type its layers compute in.
    ``machine`` is its index in the manifest's ``machines``, null if unknown.
    """

    state: RunState = "planned"
    error: str | None = None
    sparsity: float | None = None
    weight_bits: float | None = None
    size_bytes: int | None = None
    latency_ms: float | None = None
    seconds: float | None = None
    compute_dtype: str | None = None
    machine: int | None = None


class FileRecord(msgspec.Struct):
    """One written file: SHA-256 and number of its bytes and, for a table, rows."""

    sha256: str
    size: int
    rows: int | None = None


class VariantRecord(msgspec.Struct):
    """One variant."""

    variant_id: str
    method: str
    target_sparsity: float | None
    paired: bool = False


class LeftOut(msgspec.Struct, omit_defaults=True):
    """A file that could not be used, and why; ``split`` is train or test if known."""

    file: str
    reason: str
    split: str | None = None


class ShiftRecord(msgspec.Struct):
    """One shift, and the seeds of each variant that are predicted on it.

    ``fingerprint`` and ``n_images`` describe a natural shift's images; ``failed`` maps
    ``<variant_id>/seed-<k>`` to the error.
    """

    name: str
    corruption: str | None = None
    severity: int | None = None
    dataset: str | None = None
    fingerprint: str | None = None
    n_images: int | None = None
    done: dict[str, list[int]] = {}
    failed: dict[str, str] = {}
    left_out: list[LeftOut] = []
    notes: list[str] = []


class ExternalModel(msgspec.Struct):
    """The model file of one run: its name, SHA-256 of its bytes, and its feeding."""

    model: str
    sha256: str
    input: str


class ImportedFile(msgspec.Struct):
    """One file of predictions: its name, SHA-256 of its bytes and its rows."""

    file: str
    sha256: str
    rows: int


class Config(msgspec.Struct):
    """The request: variants, number of seeds and the options that results depend on.

    ``method_files`` maps files of user methods to their SHA-256.
    """

    variants: list[str] = []
    seeds: int = 0
    options: Json = {}
    method_files: dict[str, str] = {}
    shifts: list[str] = []


class DatasetRecord(msgspec.Struct):
    """The data: SPEC, number of images, per-channel statistics of the training pixels, notes.

    If the long tail rotates over seeds, ``tail`` describes it and ``train_counts`` is null.
    """

    spec: str = ""
    n_train: int | None = None
    n_test: int | None = None
    train_counts: list[int] | None = None
    tail: TailRecord | None = None
    mean: list[float] | None = None
    std: list[float] | None = None
    n_duplicates_across_splits: int | None = None
    images_fingerprint: str | None = None
    notes: list[str] = []
    selection: str | None = None


class ModelRecord(msgspec.Struct):
    """The architecture of a trained sweep, and the weights it started from."""

    name: str = ""
    image_size: list[int] | None = None
    parameters: int | None = None
    prunable: int | None = None
    weights: str | None = None
    weights_sha256: str | None = None
    weights_note: str | None = None
    geometry: str | None = None


class DeviceRecord(msgspec.Struct):
    """The hardware of the runs: device, processor, processes and threads."""

    device: str = ""
    machine: str | None = None
    workers: int | None = None
    threads_per_run: int | None = None
    latency_batch_size: int | None = None
    engine: str | None = None


class Manifest(msgspec.Struct):
    """The description of a sweep; ``class_names`` is in order of class id.

    ``models`` maps ``<variant_id>@<seed>`` to the file of an external model, ``imported`` lists the
    imported files, ``machines`` those of the runs. ``looks`` is empty if no seeds were added after
    results could be seen.
    """

    name: str
    dataset: DatasetRecord
    dataset_fingerprint: str
    class_names: list[str]
    variants: list[VariantRecord] = []
    seeds: list[int] = []
    origin: Origin = "trained"
    config: Config = msgspec.field(default_factory=Config)
    models: dict[str, ExternalModel] = {}
    imported: list[ImportedFile] = []
    pairing: str = ""
    left_out: list[LeftOut] = []
    model: ModelRecord = msgspec.field(default_factory=ModelRecord)
    versions: dict[str, str] = {}
    git_commit: str | None = None
    device: DeviceRecord = msgspec.field(default_factory=DeviceRecord)
    created: str = ""
    updated: str = ""
    runs: dict[str, dict[str, RunRecord]] = {}
    files: dict[str, FileRecord] = {}
    shifts: list[ShiftRecord] = []
    machines: list[MachineRecord] = []
    looks: list[Look] = []
    schema_version: int = SCHEMA_VERSION
    unknown: Json = {}

    def run(self, variant_id: str, seed: int) -> RunRecord:
        """Return the record of one run; create it on first use."""
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
        """Return whether dense and a variant have one run each (K = 1)."""
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
        """Number of requested pairs of run and shift."""
        return len(self.shifts) * self.n_runs

    @property
    def n_done(self) -> int:
        """Number of runs done."""
        return sum(record.state == "done" for _, _, record in self.all_runs())

    @property
    def n_runs(self) -> int:
        """Number of requested runs without those missing from an import."""
        return sum(record.state != "absent" for _, _, record in self.all_runs())

    @property
    def n_looks(self) -> int:
        """Number of looks at the results, at least 1."""
        return max(1, len(self.looks))

    @property
    def is_complete(self) -> bool:
        """Whether every requested run is done."""
        return self.n_done == self.n_runs

    def settle_absent(self) -> None:
        """Mark all unfinished runs of an import as absent."""
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
        """Write the manifest as sealed JSON, with unknown fields as they were read."""
        content = msgspec.to_builtins(self)
        whole = sealed(overlaid(content, content.pop("unknown")))
        return msgspec.json.format(msgspec.json.encode(whole), indent=1).decode() + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Manifest":
        """Read a manifest of this schema version or an older one.

        Parameters
        ----------
        text : str
            Content of the file.
        where : str
            Path of the file, for messages.

        Raises
        ------
        CacheError
            The text is not a manifest, is damaged, has a later schema version, or names a path
            outside its sweep.
        """
        try:
            raw = msgspec.json.decode(text, type=Json)
            version = raw["schema_version"]
            if type(version) is not int or version < 1:
                raise ValueError(f"schema_version is {version!r:.40}")
        except (ValueError, KeyError, RecursionError, msgspec.MsgspecError) as error:
            raise DamageError(
                f"{where} is damaged ({error}); restore it from a copy, or run "
                "'python -m analysis remove' on that sweep and make it again"
            ) from error
        if version > SCHEMA_VERSION:
            raise CacheError(
                f"{where} has schema version {version}; this Lethe reads versions 1 to "
                f"{SCHEMA_VERSION}: use the Lethe that wrote it, or make the sweep again"
            )
        try:
            migrated_content = migrated(unsealed(raw, _KEYS), version)
            migrated_content.pop("unknown", None)
            made = msgspec.convert(migrated_content, cls)
            _check_content(made)
        except BrokenSealError as error:
            name = where.rpartition("/")[0].rpartition("/")[2] or "SWEEP"
            raise DamageError(
                f"{where} is damaged: {error}; restore it from a copy, or, where you changed it "
                f"yourself, take its line '{KEY}' out and run 'lethe verify {name}'"
            ) from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DamageError(f"{where} is damaged: {error}") from error
        made.unknown = unknown_part(migrated_content, msgspec.to_builtins(made))
        return made


_KEYS = frozenset(Manifest.__struct_fields__)


def left_out_records(entries: Iterable[Json]) -> list[LeftOut]:
    """Convert entries of left-out files, with ``file``, ``reason`` and maybe ``split``."""
    return msgspec.convert(list(entries), list[LeftOut])


class Header(msgspec.Struct):
    """The schema version and name in the text of a manifest."""

    schema_version: int
    name: str = ""


def read_header(text: str) -> Header | None:
    """Read the schema version and the name in a text; None if it has none."""
    try:
        return msgspec.json.decode(text, type=Header)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None


def _check_content(manifest: Manifest) -> None:
    """Check that names stay in the sweep's folder and that train counts cover all classes.

    Raises
    ------
    ValueError
        A name leads outside, or the counts cover more or fewer classes.
    """
    tail, n = manifest.dataset.tail, len(manifest.class_names)
    counted = [manifest.dataset.train_counts, *((tail.counts, tail.available) if tail else ())]
    for n_counted in (len(counts) for counts in counted if counts is not None):
        if n_counted != n:
            raise ValueError(f"train images of {n_counted} classes where there are {n}")
    folders = [*manifest.runs, *(one.variant_id for one in manifest.variants)]
    for shift in manifest.shifts:
        folders += [shift.name, *shift.done]
    for seed in (seed for runs in manifest.runs.values() for seed in runs):
        int(seed)
    for name in folders:
        if not _FOLDER.fullmatch(name):
            raise ValueError(f"{name!r:.80} cannot be the name of a folder")
    for path in manifest.files:
        if not all(map(_FOLDER.fullmatch, path.split("/"))):
            raise ValueError(f"{path!r:.80} is not a file of the sweep")
