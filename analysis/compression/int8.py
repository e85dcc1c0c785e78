"""int8 quantization by ONNX Runtime, static with calibration images or dynamic."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.compression.onnx_session import session_options
from analysis.compression.registry import register
from analysis.compression.trained import Batch, Compressed, Logits, Trained

if TYPE_CHECKING:
    import onnx

_CALIBRATION_BATCH = 64
_RANGES = "ranges of activations"


@register(
    "int8-static",
    stage="after-training",
    takes_level=False,
    needs=("graph",),
    keeps_layers=True,
    summary="int8 weights per channel and int8 activations, ranges from calibration images",
)
def static(trained: Trained, calibration: Batch) -> Compressed:
    """Quantize weights and activations to int8; activation ranges are the calibration's extremes.

    QDQ format, symmetric int8 weights per output channel, unsigned int8 activations.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import save_tensors_data

    with _written(trained) as (source, target):
        ranges = target.with_name("ranges.json")
        if _RANGES not in trained.memory:
            trained.memory[_RANGES] = _ranges(source, calibration)
        save_tensors_data(trained.memory[_RANGES], ranges)
        quantize_static(
            source,
            target,
            None,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            calibration_cache_path=ranges,
            nodes_to_exclude=_excluded(trained, source),
        )
        return _load(target, trained)


@register(
    "int8-dynamic",
    stage="after-training",
    takes_level=False,
    needs=("graph",),
    keeps_layers=True,
    summary="int8 weights, activation ranges taken again from every batch",
)
def dynamic(trained: Trained, _: Batch) -> Compressed:
    """Quantize weights to int8 with one scale a tensor, and activations at run time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _written(trained) as (source, target):
        excluded = _excluded(trained, source)
        quantize_dynamic(
            source,
            target,
            weight_type=QuantType.QUInt8,
            # It splits a Gemm before it reads the names.
            nodes_to_exclude=[name for node in excluded for name in (node, f"{node}_MatMul")],
        )
        return _load(target, trained)


def _excluded(trained: Trained, source: Path) -> list[str]:
    """Return the nodes of the layers that stay in float."""
    import onnx

    if not trained.float_layers:
        return []
    from analysis.compression.layers import nodes_of_layers

    return nodes_of_layers(onnx.load(source), trained.float_layers)


class _Calibration:
    """Passes calibration images to ONNX Runtime batch by batch."""

    def __init__(self, images: Batch) -> None:
        starts = range(0, len(images), _CALIBRATION_BATCH)
        self._batches = iter([images[i : i + _CALIBRATION_BATCH] for i in starts])

    def get_next(self) -> dict[str, Batch] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch}


def _ranges(source: Path, calibration: Batch) -> Any:
    """Return the extremes of every activation over the calibration images."""
    import onnxruntime
    from onnxruntime.quantization.calibrate import MinMaxCalibrater

    class OneThread(MinMaxCalibrater):
        """A calibrator whose session uses one thread."""

        def create_inference_session(self) -> None:
            options = session_options()
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            self.infer_session = onnxruntime.InferenceSession(
                self.augmented_model_path, options, providers=self.execution_providers
            )

    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    operators = list({*QLinearOpsRegistry, *QDQRegistry})
    augmented = source.with_name("augmented.onnx")
    calibrator = OneThread(source, operators, augmented_model_path=str(augmented))
    calibrator.augment_graph()
    calibrator.create_inference_session()
    calibrator.collect_data(_Calibration(calibration))
    return calibrator.compute_data()


@contextmanager
def _written(trained: Trained) -> Iterator[tuple[Path, Path]]:
    """Write the run's graph; yield its path and the target's."""
    import onnx

    with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
        source, target = (Path(folder) / f"{name}.onnx" for name in ("trained", "int8"))
        onnx.save_model(trained.onnx_model(), source)
        yield source, target


def _load(path: Path, trained: Trained) -> Compressed:
    import onnx
    import onnxruntime

    session = onnxruntime.InferenceSession(
        path.read_bytes(), session_options(), providers=["CPUExecutionProvider"]
    )

    def predict(images: Batch) -> Logits:
        return np.asarray(session.run(None, {"images": images})[0])

    model = onnx.load(path)
    return Compressed(
        predict=predict,
        size_bytes=_stored_bytes(model),
        weight_bits=trained.weight_bits(8.0),
        compute_dtype="float32 and int8" if trained.float_layers else "int8",
    )


def _stored_bytes(model: "onnx.ModelProto") -> int:
    from onnx import numpy_helper

    arrays: list[Any] = [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    return sum(array.nbytes for array in arrays)
