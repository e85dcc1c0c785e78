"""How to export a model to a format that is read, for files of formats that are not."""

from pathlib import Path

_TORCH = (
    "weights alone do not say what model they are of. Of a timm model: timm:NAME:{file}. Of any "
    "other, load them into the model and export it:\n"
    "    model.eval(); images = torch.zeros(2, 3, 224, 224)\n"
    '    torch.onnx.export(model, (images,), "model.onnx", dynamo=True,\n'
    '                      dynamic_shapes=({{0: torch.export.Dim("n")}},))\n'
    "or give a function that returns the model: module:function"
)
_KERAS = (
    "convert it to TFLite:\n"
    '    model = keras.models.load_model("{file}")\n'
    "    converter = tf.lite.TFLiteConverter.from_keras_model(model)\n"
    '    open("model.tflite", "wb").write(converter.convert())'
)
_CORE_ML = (
    "Core ML runs on Apple's machines alone. Export the model that it was converted from to ONNX "
    "(torch.onnx.export), or give a function that runs it, module:function, on a Mac:\n"
    '    net = coremltools.models.MLModel("{file}")\n'
    '    return lambda images: net.predict({{"images": images}})["scores"]'
)
_TENSORRT = (
    "an engine runs on the GPU and with the version of TensorRT that built it. Give the ONNX file "
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
    "convert it to OpenVINO (a release up to 2022.3 reads Caffe), and give the .xml:\n"
    "    mo --input_model {file} --input_proto deploy.prototxt"
)
_NCNN = (
    "ncnn's files are written from another model: give the ONNX file or the torch model it came "
    "from, or a function that runs it (pip install ncnn), module:function"
)
_RKNN = (
    "it runs on Rockchip's processors alone: give the ONNX file it was made from, or predictions "
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
    """Say how a model in a format that is not read becomes one that is; None where unknown.

    Parameters
    ----------
    model : str
        The file or folder as it was given.
    """
    path = Path(model)
    if (path / "saved_model.pb").is_file() or path.name == "saved_model.pb":
        folder = path if path.is_dir() else path.parent
        return _SAVED.format(file=str(folder))
    text = _LINES.get(path.suffix.lower())
    if path.suffix.lower() == ".bin" and path.with_suffix(".xml").is_file():
        text = "these are the weights of an OpenVINO model: give the .xml beside them"
    return None if text is None else text.format(file=path.name)
