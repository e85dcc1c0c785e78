"""Open Hugging Face folders: image classifiers of transformers, from local files."""

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from analysis.errors import UserError, one_line
from analysis.external.declared import beside, merged, of_preprocessor, read_json
from analysis.external.files import missing_runtime, read_regular
from analysis.external.model import Feeding, Loaded, Needed
from analysis.external.registry import register
from analysis.external.session import session_options
from analysis.external.torch_modules import figures_of_module, input_dtype, runner, to_device
from analysis.models.penultimate import module_features

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_UNSUPPORTED_WEIGHTS = ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack")


@register("hugging-face")
def open_folder(where: str, needed: Needed) -> Loaded:
    """Open the model in a folder; never download, unpickle or run its code.

    Raises
    ------
    UserError
        transformers is not installed, the folder has no weights as safetensors, or its model is no
        image classifier.
    """
    transformers = _library()
    session_options(needed.session_options, {}, "a model of transformers")
    folder = Path(where)
    config = read_json(folder / "config.json")
    if not config:
        raise UserError("its config.json is not a JSON object")
    files = _weights(folder)
    _check_architecture(config)
    digest = hashlib.sha256(read_regular(folder / "config.json"))
    for file in files:
        digest.update(file.name.encode() + hashlib.sha256(read_regular(file)).digest())
    try:
        with _quiet(transformers):
            model, loading = transformers.AutoModelForImageClassification.from_pretrained(
                str(folder),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:
        raise UserError(f"transformers does not open it: {one_line(error)}") from None
    missing = sorted(map(str, loading.get("missing_keys", ())))
    mismatched = sorted(str(one) for one in loading.get("mismatched_keys", ()))
    if missing or mismatched:
        raise UserError(
            f"its weights do not fit its config.json: {', '.join((missing + mismatched)[:3])} would"
            " be random; expected the weights of a complete classifier with its head"
        )
    module = to_device(model.eval(), needed.device)
    feeding, declared_in, names = beside(folder)
    declared = (
        merged(_processor(transformers, folder), feeding) if declared_in else _own_size(model)
    )
    first = next(iter(model.parameters()), None)
    dtype = torch.float32 if first is None else first.dtype
    return Loaded(
        runner(module, needed.device),
        digest.hexdigest(),
        figures_of_module(model),
        (None, _channels(config), None, None),
        input_dtype(dtype),
        declared=declared,
        declared_in=declared_in or ("config.json" if declared != Feeding() else ""),
        class_names=names,
        penultimate=lambda _: module_features(module, needed.device),
    )


def _library() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise missing_runtime(error, "transformers", "transformers") from None
    return transformers


def _weights(folder: Path) -> list[Path]:
    found = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if found is None:
        other = next((name for name in _UNSUPPORTED_WEIGHTS if (folder / name).is_file()), None)
        what = f"its weights are a {other}, which is not opened" if other else "it has no weights"
        raise UserError(
            f"{what}: expected model.safetensors; model.save_pretrained(FOLDER) of transformers "
            "writes it"
        )
    if found.suffix != ".json":
        return [found]
    shards = sorted({str(name) for name in read_json(found).get("weight_map", {}).values()})
    for name in shards:
        if Path(name).name != name or not (folder / name).is_file():
            raise UserError(f"its file of weights {name[:100]!r} is missing in the folder")
    return [found, *(folder / name for name in shards)]


def _check_architecture(config: dict[str, Any]) -> None:
    named = config.get("architectures")
    names = [str(one) for one in named] if isinstance(named, list) else []
    if isinstance(config.get("auto_map"), dict) and not config.get("model_type"):
        raise UserError(
            "its model is code in the folder, which is not run; name a function that makes it: "
            "module:function"
        )
    if names and not any("ImageClassification" in name for name in names):
        raise UserError(
            f"its model is a {names[0]:.80}; expected one that classifies images, such as "
            "ViTForImageClassification"
        )


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Silence transformers' warnings and progress bars while a model is opened."""
    log = transformers.utils.logging
    level, is_bar = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(logging.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if is_bar:
            log.enable_progress_bar()


def _processor(transformers: Any, folder: Path) -> Feeding:
    """Read the image processor with its class's defaults; return Feeding() on failure."""
    try:
        with _quiet(transformers):
            processor = transformers.AutoImageProcessor.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
        config = processor.to_dict()
    except Exception:
        return Feeding()  # the file's own values remain
    return of_preprocessor(config)


def _own_size(model: Any) -> Feeding:
    size = getattr(model.config, "image_size", None)
    if isinstance(size, int) and size > 0:
        return Feeding(size=(size, size))
    if isinstance(size, list | tuple) and len(size) == 2:
        return Feeding(size=(int(size[0]), int(size[1])))
    return Feeding()


def _channels(config: dict[str, Any]) -> int:
    found = config.get("num_channels", 3)
    return found if isinstance(found, int) and found > 0 else 3
