"""Options defined once, in the fields of dataclasses.

Such a field defines the command-line option, the key of configuration files, the entry in
docs/cli.md, the tooltip in forms and the check of the value.
"""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from analysis.errors import UserError

_KEY = "option"


@dataclass(frozen=True)
class Option:
    """The definition of an option in a dataclass field.

    Parameters
    ----------
    help : str
        Description that can follow the option's name or begin a sentence.
    group : str
        Its heading in ``--help``; empty for the first options.
    flag : str
        Its name on the command line, if it differs from the field's.
    key : str
        Its name in files and forms, if it differs from the flag's.
    metavar : str
        Name of its value; N and X for numbers by default.
    choices : tuple of str
        The allowed values; empty for any.
    is_ok : callable, optional
        Returns whether a value is valid.
    range : str
        Description of the valid values.
    least : float, optional
        The smallest valid number.
    kind : type, optional
        Type of the written value, if the field's type differs.
    items : tuple of type
        Types of a list's items.
    nargs : str
        ``+`` if several values follow one option; other lists repeat it.
    default_words : str
        Description of the default.
    """

    help: str
    group: str = ""
    flag: str = ""
    key: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    is_ok: Callable[[Any], bool] | None = None
    range: str = ""
    least: float | None = None
    kind: type | None = None
    items: tuple[type, ...] = (str,)
    nargs: str = ""
    default_words: str = ""


def option(default: Any = MISSING, *, help: str, **more: Any) -> Any:
    """Return a dataclass field of an option; ``more`` are the fields of :class:`Option`."""
    made = {"default": default} if default is not MISSING else {}
    if "default_factory" in more:
        made["default_factory"] = more.pop("default_factory")
    return field(**made, metadata={_KEY: Option(help, **more)})


@dataclass(frozen=True)
class Written:
    """An option as written: ``name`` in files and forms, ``flag`` on the command line."""

    name: str
    flag: str
    kind: type
    default: Any
    about: Option

    @property
    def help(self) -> str:
        """Its description with its default, if any."""
        default = self.about.default_words
        if not default and self.kind is not bool and self.default not in (None, "", ()):
            default = f"{self.default}"
        return f"{self.about.help} (default: {default})" if default else self.about.help

    @property
    def tip(self) -> str:
        """Its description as a sentence."""
        text = self.about.help
        return f"{text[0].upper()}{text[1:].rstrip('.')}."

    @property
    def metavar(self) -> str:
        """Name of its value."""
        return self.about.metavar or {int: "N", float: "X"}.get(self.kind, self.name.upper())


def options_of(*classes: type) -> Iterator[Written]:
    """Yield the options of some dataclasses, in the order of their fields, each name once."""
    seen: set[str] = set()
    for one in classes:
        for each in fields(one):
            about = each.metadata.get(_KEY)
            if about is None:
                continue
            flag = about.flag or each.name.replace("_", "-")
            name = about.key or flag.replace("-", "_")
            if name not in seen:
                seen.add(name)
                default = None if each.default is MISSING else each.default
                yield Written(name, flag, about.kind or _kind(each), default, about)


def option_named(owner: type, name: str) -> Written:
    """Return one option of a dataclass by its name."""
    return next(one for one in options_of(owner) if one.name == name)


def check_options(holder: Any) -> None:
    """Check every value of a dataclass against what its field accepts.

    Raises
    ------
    UserError
        A value is out of range; the message names option and value.
    """
    for each in fields(holder):
        about, value = each.metadata.get(_KEY), getattr(holder, each.name)
        if about is None or value is None:
            continue
        is_chosen = not about.choices or value in about.choices
        is_large = about.least is None or value >= about.least
        if not (is_chosen and is_large and (about.is_ok is None or about.is_ok(value))):
            flag = about.flag or each.name.replace("_", "-")
            expected = f"expected {about.range}" if about.range else "out of range; see '--help'"
            if about.least is not None and not about.range:
                expected = f"expected at least {about.least:g}"
            if about.choices:
                expected = f"expected one of {', '.join(about.choices)}"
            raise UserError(f"--{flag} {value}: {expected}")


def check_types(values: dict[str, Any], known: dict[str, Written], where: str) -> None:
    """Check the names and types of options in a file.

    Raises
    ------
    UserError
        An option is unknown or has another type; ``where`` begins the message.
    """
    for key, value in values.items():
        if key not in known:
            raise UserError(f"{where}: unknown option '{key}'; see '--help'")
        kind, items = known[key].kind, known[key].about.items
        is_right = isinstance(value, (int, float) if kind is float else kind)
        if isinstance(value, bool) and kind is not bool:
            is_right = False
        if isinstance(value, list) and not all(isinstance(item, items) for item in value):
            is_right = False
        if not is_right:
            raise UserError(f"{where}: '{key}' has the wrong type ({value!r})")


def _kind(each: "Field[Any]") -> type:
    """Return the plain type of a field: ``int`` of ``int | None``, ``list`` of a tuple."""
    kind: Any = each.type
    if isinstance(kind, UnionType):
        kind = next(one for one in get_args(kind) if one is not NoneType)
    return list if get_origin(kind) is tuple else kind
