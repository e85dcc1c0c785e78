"""Which commands may run code that they name, and may be started from the screen all the same."""

from collections.abc import Iterable, Sequence

from analysis.errors import LetheError, UserError
from analysis.external.spec import ModelFile, parse_models
from analysis.store.manifest import Manifest
from dashboard import permissions

# Python functions, and programs of torch.export, whose expressions torch evaluates.
_CODE = ("function", "exported")
# Options that name a text file, whose lines become names that are shown.
_FILES = ("--classes",)


def check(words: Sequence[str]) -> None:
    """Refuse a command that names code or a text file, where whoever looks may not.

    Raises
    ------
    UserError
        A model is code and others may reach this server; or no model can be read.
    """
    for model in _code(_models(words)):
        permissions.check_code(f"--models {model.label}")
    for word in words:
        if word.partition("=")[0] in _FILES:
            permissions.check_file(word.partition("=")[0])


def why_not_run_again(manifest: Manifest) -> str | None:
    """Say why the models of a sweep are not run again by one press; None where they can be.

    A cache from elsewhere must not choose which code this machine runs.
    """
    try:
        _check_numbers(manifest)
        if not any(_code(models_of(manifest))):
            return None
    except LetheError as problem:
        return f"What this sweep says of its models cannot be read: {problem}"
    return (
        "A model of this sweep is code. 'Add models' fills the form in with what it was made of; "
        "the command line resumes it too."
    )


def models_of(manifest: Manifest) -> list[str]:
    """Return the models of a sweep as its command names them: ``VARIANT@SEED=MODEL``.

    Raises
    ------
    UserError
        The manifest does not say them.
    """
    if not manifest.models:
        raise UserError(f"the manifest of sweep '{manifest.name}' names no models")
    return [f"{run}={one.model}" for run, one in manifest.models.items()]


def _check_numbers(manifest: Manifest) -> None:
    """Refuse anything else among what becomes words of a command one by one."""
    for name in ("mean", "std"):
        values = manifest.config.options.get(name)
        if not isinstance(values or [], list) or not all(
            type(value) in (int, float) for value in values or []
        ):
            raise UserError(
                f"the manifest of sweep '{manifest.name}': {name} is no list of numbers"
            )


def _code(items: Iterable[str]) -> Iterable[ModelFile]:
    return (one for one in parse_models(list(items)) if one.kind in _CODE)


def _models(words: Sequence[str]) -> list[str]:
    """Values of ``--models``: all that follow it, up to the next option."""
    found, is_model = [], False
    for word in words:
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            is_model = option == "--models"
            found += [value] if is_model and equals else []
        elif is_model:
            found.append(word)
    return found
