"""The manifest of a sweep: what was asked, how it was made, and the state of every run.

The structures say every field and its type; msgspec decodes a file into them, so that a wrong type
anywhere is one sentence that names the place. What a later Lethe of the same schema version added
is kept and written back.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from analysis.config import DENSE_ID
from analysis.errors import CacheError, DamageError
from analysis.schema import SCHEMA_VERSION
from analysis.store.migration import migrated
from analysis.store.records import Look, MachineRecord, TailRecord
from analysis.store.sealing import KEY, BrokenSealError, sealed, unsealed
from analysis.store.unknown import Json, overlaid, unknown_part

# What names a folder or a file of the sweep is one name, and leads nowhere else.
_FOLDER = re.compile(r"(?!\.{1,2}\Z)[^/\\:\x00-\x1f\x7f]{1,255}")

# "absent": an import did not bring it, and nothing will make it.
RunState = Literal["planned", "done", "failed", "absent"]
# Where the models come from: trained by the sweep, files that were given to it, or elsewhere.
Origin = Literal["trained", "external", "imported"]


class RunRecord(msgspec.Struct):
    """One run: its state, and what was measured of its model.

    ``sparsity`` is a fraction of the prunable weights, ``size_bytes`` counts weights, scales,
    zero points and buffers as stored, ``latency_ms`` is the median forward pass of one image on
    the device and threads named in the manifest, ``compute_dtype`` what its layers compute in.
    ``machine`` is its place among the manifest's ``machines``, null where that is not known.
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
    """One file as it was written: SHA-256 of its bytes, its size and, for a table, its rows."""

    sha256: str
    size: int
    rows: int | None = None


class VariantRecord(msgspec.Struct):
    """One variant as the cache knows it."""

    variant_id: str
    method: str
    target_sparsity: float | None
    paired: bool = False


class LeftOut(msgspec.Struct, omit_defaults=True):
    """A file that could not be used, and why; ``split`` is train or test where it is known."""

    file: str
    reason: str
    split: str | None = None


class ShiftRecord(msgspec.Struct):
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
    done: dict[str, list[int]] = {}
    failed: dict[str, str] = {}
    left_out: list[LeftOut] = []
    notes: list[str] = []


class ExternalModel(msgspec.Struct):
    """The model file of one run: as it was named, SHA-256 of its bytes, and how it is fed."""

    model: str
    sha256: str
    input: str


class ImportedFile(msgspec.Struct):
    """One file of predictions: its name, SHA-256 of its bytes and its rows."""

    file: str
    sha256: str
    rows: int


class Config(msgspec.Struct):
    """What was asked: variants, number of seeds and the options that results depend on.

    ``method_files`` maps files of a user's own methods to their SHA-256.
    """

    variants: list[str] = []
    seeds: int = 0
    options: Json = {}
    method_files: dict[str, str] = {}
    shifts: list[str] = []


class DatasetRecord(msgspec.Struct):
    """The data: SPEC, number of images, per-channel statistics of the training pixels, notes.

    Where the long tail rotates over seeds, ``tail`` says how, and ``train_counts`` is null.
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
    """What the runs were made on: device, processor, processes and threads."""

    device: str = ""
    machine: str | None = None
    workers: int | None = None
    threads_per_run: int | None = None
    latency_batch_size: int | None = None
    engine: str | None = None


class Manifest(msgspec.Struct):
    """Everything about a sweep besides its tables; ``class_names`` is in order of class id.

    ``models`` maps ``<variant_id>@<seed>`` to the file of an external model, ``imported`` lists
    the files whose predictions were imported; ``machines`` are those that runs were made on.
    ``looks`` is empty where no seeds were added after results could be seen, else every look.
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
    def n_looks(self) -> int:
        """How often results could be seen before seeds were added, and now; 1 where none were."""
        return max(1, len(self.looks))

    @property
    def is_complete(self) -> bool:
        """Whether every run asked is done."""
        return self.n_done == self.n_runs

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
        """Write the manifest as sealed JSON, with what this Lethe does not know of as read."""
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
            Names its file in messages.

        Raises
        ------
        CacheError
            The text is no manifest, is not what was written, is of a later schema version, or names
            a place outside its sweep.
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
            present = migrated(unsealed(raw, _KEYS), version)
            present.pop("unknown", None)
            made = msgspec.convert(present, cls)
            _check_content(made)
        except BrokenSealError as error:
            name = where.rpartition("/")[0].rpartition("/")[2] or "SWEEP"
            raise DamageError(
                f"{where} is damaged: {error}; restore it from a copy, or, where you changed it "
                f"yourself, take its line '{KEY}' out and run 'lethe verify {name}'"
            ) from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DamageError(f"{where} is damaged: {error}") from error
        made.unknown = unknown_part(present, msgspec.to_builtins(made))
        return made


_KEYS = frozenset(Manifest.__struct_fields__)


def left_out_records(entries: Iterable[Json]) -> list[LeftOut]:
    """Return records of files that a reader left out: ``file``, ``reason`` and maybe ``split``."""
    return msgspec.convert(list(entries), list[LeftOut])


class Told(msgspec.Struct):
    """What the text of a manifest says of itself."""

    schema_version: int
    name: str = ""


def told_version(text: str) -> Told | None:
    """Return the schema version and the name that a text says; None where it says none."""
    try:
        return msgspec.json.decode(text, type=Told)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None


def _check_content(manifest: Manifest) -> None:
    """See that no name leads out of the sweep's folder, and that every class is counted.

    Raises
    ------
    ValueError
        A name does, or the counts are of more or fewer classes.
    """
    tail, n = manifest.dataset.tail, len(manifest.class_names)
    counted = [manifest.dataset.train_counts, *((tail.counts, tail.available) if tail else ())]
    for n_counted in (len(counts) for counts in counted if counts is not None):
        if n_counted != n:
            raise ValueError(f"train images of {n_counted} classes, and there are {n}")
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
            raise ValueError(f"{path!r:.80} is no file of the sweep")
