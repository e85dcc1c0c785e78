"""Read which external models are given: VARIANT[@SEED]=MODEL."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.compression.registry import asked_sparsity, methods
from analysis.config import DENSE_ID, Step, Variant
from analysis.errors import UserError
from analysis.external.exporting import lines_to_export
from analysis.store.manifest import VariantRecord

_STEP = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*?)(?:-(\d+\.\d+))?")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_HIGHEST_SEED = 2**31 - 1
_FORMATS = {".onnx": "onnx", ".pt2": "exported", ".tflite": "tflite", ".xml": "openvino"}
_EXPECTED = (
    "expected a file .onnx, .tflite, .xml (OpenVINO) or .pt2, the folder of a Hugging Face model, "
    "timm:NAME[:CHECKPOINT], or module:function"
)


@dataclass(frozen=True)
class ModelFile:
    """One model as given; ``where`` is what its format opens."""

    variant_id: str
    seed: int
    kind: str
    where: str

    @property
    def given(self) -> str:
        """The model as it was written."""
        return f"timm:{self.where}" if self.kind == "timm" else self.where

    @property
    def key(self) -> tuple[str, int]:
        """Variant and seed of the run it makes."""
        return self.variant_id, self.seed

    @property
    def run(self) -> str:
        """The run it makes, ``dense@0``."""
        return f"{self.variant_id}@{self.seed}"

    @property
    def label(self) -> str:
        """What it is called in messages."""
        name = self.variant_id if self.seed == 0 else self.run
        return f"{name}={self.given}"


def parse_models(items: Sequence[str]) -> tuple[ModelFile, ...]:
    """Read ``VARIANT[@SEED]=MODEL`` items.

    Raises
    ------
    UserError
        An item has another form, or a run is given twice.
    """
    return tuple(_parse(item) for item in items)


def _parse(item: str) -> ModelFile:
    name, equals, model = item.partition("=")
    if not equals or not name or not model:
        known = item if item and not equals else "net.onnx"
        raise UserError(
            f"--models {item}: expected VARIANT[@SEED]=MODEL, such as dense={known} for the "
            "uncompressed model and int8=MODEL for a compressed one"
        )
    variant, at, number = name.partition("@")
    if at and not (number.isascii() and number.isdecimal() and int(number) <= _HIGHEST_SEED):
        raise UserError(f"--models {item}: '{number}' is no seed; expected a whole number from 0")
    try:
        variant_id = variant_of(variant).variant_id
    except UserError as error:
        raise UserError(f"--models {item}: {error}") from None
    kind, where = _format(model, item)
    return ModelFile(variant_id, int(number) if at else 0, kind, where)


def _format(model: str, item: str) -> tuple[str, str]:
    if model.startswith("timm:"):
        where = model.removeprefix("timm:")
        if not where.partition(":")[0]:
            raise UserError(f"--models {item}: a name is missing; timm:NAME[:CHECKPOINT]")
        return "timm", where
    suffix = Path(model).suffix.lower()
    if suffix in _FORMATS:
        return _FORMATS[suffix], model
    if (Path(model) / "config.json").is_file():
        return "hugging-face", model
    lines = lines_to_export(model)
    if lines is not None:
        raise UserError(f"--models {item}: {_EXPECTED}; {lines}")
    if _FUNCTION.fullmatch(model):
        return "function", model
    hint = ""
    if Path(model).is_dir():
        hint = "; this folder has no config.json, which a Hugging Face model has"
    elif suffix:
        hint = (
            f"; {suffix} is none of them: export the model to ONNX, such as with "
            "torch.onnx.export, or give a function that runs it"
        )
    raise UserError(f"--models {item}: {_EXPECTED}{hint}")


def variant_of(variant_id: str) -> Variant:
    """Read a key of the grammar, ``magnitude-0.90+int8-static``; its methods may be any.

    Raises
    ------
    UserError
        It is of another form.
    """
    if variant_id == DENSE_ID:
        return Variant()
    steps = []
    for part in variant_id.split("+"):
        found = _STEP.fullmatch(part)
        if found is None or len(variant_id) > 100:
            raise UserError(
                f"variant '{variant_id:.110}': expected lower-case words joined by '-', a level "
                "with a point at their end where there is one, such as int8 or magnitude-0.90"
            )
        steps.append(Step(found[1], None if found[2] is None else float(found[2])))
    if any(step.method == DENSE_ID for step in steps):
        raise UserError(f"variant '{variant_id}': dense is a variant by itself")
    return Variant(tuple(steps))


def variant_record(variant_id: str, *, paired: bool) -> VariantRecord:
    """Describe a variant; the level of a method that is not registered is its target sparsity."""
    variant = variant_of(variant_id)
    known = methods()
    if all(step.method in known for step in variant.steps):
        sparsity = asked_sparsity(variant)
    else:
        sparsity = next((step.level for step in variant.steps if step.level is not None), None)
    return VariantRecord(
        variant.variant_id, variant.method, sparsity, paired=paired and not variant.is_dense
    )


def check_runs(models: tuple[ModelFile, ...], is_paired: bool) -> None:
    """Check that no run is given twice, that one is dense, and that pairs are whole.

    Raises
    ------
    UserError
        One of these is not so.
    """
    runs = [model.run for model in models]
    twice = next((run for i, run in enumerate(runs) if run in runs[:i]), None)
    if twice is not None:
        raise UserError(
            f"--models: {twice} is given twice; several runs of one variant take a seed each, "
            "such as dense@0=a.onnx dense@1=b.onnx"
        )
    dense = {model.seed for model in models if model.variant_id == DENSE_ID}
    if not dense:
        raise UserError(
            "--models: none is 'dense', the uncompressed model that the others are compared with; "
            "expected dense=MODEL, also where models are added to a sweep"
            + (f": dense={models[0].given} if that is the one" if models else "")
        )
    alone = next((model for model in models if model.seed not in dense), None)
    if is_paired and alone is not None:
        raise UserError(
            f"--paired: {alone.run} is compared with dense@{alone.seed}, which is not among "
            "--models; name it again where models are added to a sweep"
        )


def check_even(runs: Sequence[tuple[str, int]]) -> None:
    """Check that every variant has every seed.

    Raises
    ------
    UserError
        One lacks a seed that another has.
    """
    there, seeds = set(runs), sorted({seed for _, seed in runs})
    for variant_id in dict.fromkeys(variant_id for variant_id, _ in runs):
        for seed in seeds:
            if (variant_id, seed) not in there:
                other = next(v for v, s in runs if s == seed)
                raise UserError(
                    f"--models: {variant_id} has no seed {seed}, which {other} has; expected every "
                    f"variant with every seed: {variant_id}@{seed}=MODEL"
                )
