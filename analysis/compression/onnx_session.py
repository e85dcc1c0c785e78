"""Options of ONNX Runtime sessions with one thread: runs use processes, not threads."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

ERRORS, FATAL = 3, 4


def session_options(log_severity_level: int = ERRORS) -> "onnxruntime.SessionOptions":
    """Return options of a session with one thread that logs from a severity level on."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = log_severity_level
    return options
