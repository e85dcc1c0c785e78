"""Parse the external models of a sweep, VARIANT[@SEED]=MODEL, and explain unsupported formats."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.compression.registry import methods, target_sparsity_of
from analysis.config import DENSE_ID, Step, Variant
from analysis.errors import UserError
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
    """One external model; ``where`` is the file, folder or name that its format opens."""

    variant_id: str
    seed: int
    kind: str
    where: str

    @property
    def source(self) -> str:
        """MODEL as it was typed."""
        return f"timm:{self.where}" if self.kind == "timm" else self.where

    @property
    def key(self) -> tuple[str, int]:
        """Variant and seed of its run."""
        return self.variant_id, self.seed

    @property
    def run(self) -> str:
        """Its run, such as ``dense@0``."""
        return f"{self.variant_id}@{self.seed}"

    @property
    def label(self) -> str:
        """Its name in messages."""
        name = self.variant_id if self.seed == 0 else self.run
        return f"{name}={self.source}"


def parse_models(items: Sequence[str]) -> tuple[ModelFile, ...]:
    """Parse ``VARIANT[@SEED]=MODEL`` items.

    Raises
    ------
    UserError
        An item has another form.
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
        raise UserError(f"--models {item}: '{number}' is not a seed; expected whole numbers from 0")
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
        hint = "; this folder has no config.json, as a Hugging Face model would"
    elif suffix:
        hint = (
            f"; {suffix} is none of them: export the model to ONNX, such as with "
            "torch.onnx.export, or name a function that runs it"
        )
    raise UserError(f"--models {item}: {_EXPECTED}{hint}")


def variant_of(variant_id: str) -> Variant:
    """Parse a variant id, such as ``magnitude-0.90+int8-static``, of any methods.

    Raises
    ------
    UserError        The id has another form.
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
    """Describe a variant; the level of an unregistered method is its target sparsity."""
    variant = variant_of(variant_id)
    known = methods()
    if all(step.method in known for step in variant.steps):
        sparsity = target_sparsity_of(variant)
    else:
        sparsity = next((step.level for step in variant.steps if step.level is not None), None)
    return VariantRecord(
        variant.variant_id, variant.method, sparsity, paired=paired and not variant.is_dense
    )


def check_runs(models: tuple[ModelFile, ...], is_paired: bool) -> None:
    """Check that runs are unique, that one is dense, and that pairs are complete.

    Raises
    ------
    UserError
        One of these conditions fails.
    """
    runs = [model.run for model in models]
    twice = next((run for i, run in enumerate(runs) if run in runs[:i]), None)
    if twice is not None:
        raise UserError(
            f"--models: {twice} occurs twice; give each run of a variant its own seed, "
            "such as dense@0=a.onnx dense@1=b.onnx"
        )
    dense = {model.seed for model in models if model.variant_id == DENSE_ID}
    if not dense:
        raise UserError(
            "--models: none is 'dense', the uncompressed model to compare the others with; "
            "expected dense=MODEL, also when you add models to a sweep"
            + (f": dense={models[0].source} if that is the one" if models else "")
        )
    alone = next((model for model in models if model.seed not in dense), None)
    if is_paired and alone is not None:
        raise UserError(
            f"--paired: {alone.run} is compared with dense@{alone.seed}, which is not among "
            "--models; name it again when you add models to a sweep"
        )


def check_even(runs: Sequence[tuple[str, int]]) -> None:
    """Check that every variant has every seed.

    Raises
    ------
    UserError
        A variant lacks a seed that another has.
    """
    present, seeds = set(runs), sorted({seed for _, seed in runs})
    for variant_id in dict.fromkeys(variant_id for variant_id, _ in runs):
        for seed in seeds:
            if (variant_id, seed) not in present:
                other = next(v for v, s in runs if s == seed)
                raise UserError(
                    f"--models: {variant_id} has no seed {seed}, which {other} has; expected every "
                    f"variant with every seed: {variant_id}@{seed}=MODEL"
                )


_TORCH = (
    "weights alone do not name their model. For a timm model: timm:NAME:{file}. For any "
    "other, load them into the model and export it:\n"
    "    model.eval(); images = torch.zeros(2, 3, 224, 224)\n"
    '    torch.onnx.export(model, (images,), "model.onnx", dynamo=True,\n'
    '                      dynamic_shapes=({{0: torch.export.Dim("n")}},))\n'
    "or name a function that returns the model: module:function"
)
_KERAS = (
    "convert it to TFLite:\n"
    '    model = keras.models.load_model("{file}")\n'
    "    converter = tf.lite.TFLiteConverter.from_keras_model(model)\n"
    '    open("model.tflite", "wb").write(converter.convert())'
)
_CORE_ML = (
    "Core ML runs on Apple's machines alone. Export the model that it was converted from to ONNX "
    "(torch.onnx.export), or name a function that runs it, module:function, on a Mac:\n"
    '    net = coremltools.models.MLModel("{file}")\n'
    '    return lambda images: net.predict({{"images": images}})["scores"]'
)
_TENSORRT = (
    "an engine runs only on the GPU and TensorRT version that built it. Use the ONNX file "
    "it was built from, or, on that machine, a function that runs it, module:function:\n"
    "    trtexec --onnx=model.onnx --saveEngine={file}"
)
_FROZEN = (
    "convert it to ONNX (pip install tf2onnx; name its input and output):\n"
    "    python -m tf2onnx.convert --graphdef {file} --inputs input:0 --outputs scores:0 "
    "--output model.onnx"
)
_SAVED = (
    "a SavedModel of TensorFlow is converted to ONNX (pip install tf2onnx):\n"
    "    python -m tf2onnx.convert --saved-model {file} --output model.onnx\n"
    "or to TFLite: tf.lite.TFLiteConverter.from_saved_model({file!r}).convert()"
)
_CAFFE = (
    "convert it to OpenVINO (a release up to 2022.3 reads Caffe) and use the .xml:\n"
    "    mo --input_model {file} --input_proto deploy.prototxt"
)
_NCNN = (
    "ncnn's files are converted from another model: use the ONNX file or the torch model it came "
    "from, or a function that runs it (pip install ncnn), module:function"
)
_RKNN = (
    "it runs on Rockchip's processors alone: use the ONNX file it was made from, or predictions "
    "made on the device:\n"
    "    lethe import predictions.csv --name NAME"
)
_PADDLE = (
    "convert it to ONNX (pip install paddle2onnx):\n"
    "    paddle2onnx --model_dir . --model_filename {file} --save_file model.onnx"
)
_LINES = {
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".safetensors": _TORCH,
    ".bin": _TORCH,
    ".ckpt": _TORCH,
    ".h5": _KERAS,
    ".hdf5": _KERAS,
    ".keras": _KERAS,
    ".mlpackage": _CORE_ML,
    ".mlmodel": _CORE_ML,
    ".engine": _TENSORRT,
    ".plan": _TENSORRT,
    ".trt": _TENSORRT,
    ".pb": _FROZEN,
    ".caffemodel": _CAFFE,
    ".param": _NCNN,
    ".rknn": _RKNN,
    ".pdmodel": _PADDLE,
}


def lines_to_export(model: str) -> str | None:
    """Explain how to export an unsupported format to a supported one; None if unknown.

    Parameters
    ----------
    model : str
        The file or folder.
    """
    path = Path(model)
    if (path / "saved_model.pb").is_file() or path.name == "saved_model.pb":
        folder = path if path.is_dir() else path.parent
        return _SAVED.format(file=str(folder))
    text = _LINES.get(path.suffix.lower())
    if path.suffix.lower() == ".bin" and path.with_suffix(".xml").is_file():
        text = "these are the weights of an OpenVINO model: use the .xml beside them"
    return None if text is None else text.format(file=path.name)
