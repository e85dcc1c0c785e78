"""``timm:NAME[:CHECKPOINT]``: timm's own weights of a model, or those of a file."""

import hashlib

from safetensors.torch import save

from analysis.errors import UserError
from analysis.external.model import Feeding, Loaded, Needed
from analysis.external.registry import register
from analysis.external.torch_modules import figures_of_module, runner
from analysis.models.factory import resolve, start


@register("timm")
def open_timm(where: str, needed: Needed) -> Loaded:
    """Make a model with weights that fit it whole, its head too; nothing but tensors is unpickled.

    Raises
    ------
    UserError
        timm does not know it, or the weights cannot be had or do not fit.
    """
    name, _, checkpoint = where.partition(":")
    try:
        spec = resolve(
            name,
            needed.n_classes,
            needed.channels,
            image_size=needed.input_size,
            native_size=needed.native_size,
            pretrained=not checkpoint,
            checkpoint=checkpoint or None,
        )
        model, note = start(spec)
    except UserError as error:
        text = str(error).replace("--checkpoint FILE takes", "timm:NAME:CHECKPOINT takes")
        text = text.replace("--image-size", "--input-size").replace("--pretrained: ", "")
        raise UserError(text.replace("--checkpoint ", "")) from None
    if note is not None:
        raise UserError(
            f"{note}, and the dataset has {needed.n_classes}; expected a head that fits"
        )
    digest = spec.weights_sha256
    if digest is None:
        state = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
        digest = hashlib.sha256(save(state)).hexdigest()
    model.eval()
    return Loaded(
        runner(model),
        digest,
        figures_of_module(model),
        (None, needed.channels, None, None),
        says=Feeding(size=spec.image_size, mean=spec.mean, std=spec.std),
        said_by="timm",
    )
