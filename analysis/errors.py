"""The errors that Lethe reports as messages, each with its exit status."""


class LetheError(Exception):
    """An error reported in one or two lines instead of a traceback."""

    exit_status = 3


class UserError(LetheError):
    """The input cannot be used; the message names it, what was expected and the remedy."""

    exit_status = 2


class CacheError(UserError):
    """A file of the cache is missing, damaged or of another schema version."""


class DamageError(CacheError):
    """A file of the cache is damaged, through no fault of the user's input."""

    exit_status = 3


class RunError(LetheError):
    """A run, or its machine, failed."""


def one_line(error: BaseException) -> str:
    """Return the first line of an error's message, else its class name.

    The middle of lines above 300 characters is omitted: ONNX Runtime's reasons are at the end.
    """
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line if len(line) <= 300 else f"{line[:149]}…{line[-150:]}"
