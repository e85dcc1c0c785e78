"""The failures Lethe reports in words, each with its exit status."""


class LetheError(Exception):
    """A failure that is told in one or two lines instead of a traceback."""

    exit_status = 3


class UserError(LetheError):
    """The user's input cannot be used: names the thing, what was expected and how to mend it."""

    exit_status = 2


class CacheError(UserError):
    """A file of the cache is missing, damaged or of another schema version."""


class DamageError(CacheError):
    """A file of the cache is not what was written: no fault of what the user asked for."""

    exit_status = 3


class RunError(LetheError):
    """A run, or the machine under it, failed."""


def one_line(error: BaseException) -> str:
    """First line of what went wrong; the error's kind without one.

    Of a line above 300 characters the middle is left out: ONNX Runtime says the reason at the end.
    """
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line if len(line) <= 300 else f"{line[:149]}…{line[-150:]}"
