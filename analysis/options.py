"""Options, said once: in the fields of the dataclasses that hold them.

From such a field come the option of the command line, the key of a configuration file, its entry in
docs/cli.md, the tip of a form's field and the check of its value.
"""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from analysis.errors import UserError

_KEY = "option"


@dataclass(frozen=True)
class Option:
    """What a field says of itself as an option.

    Parameters
    ----------
    help : str
        What it is, in a few words that can follow the option's name or begin a sentence.
    group : str
        Heading it stands under in ``--help``; empty for the first ones.
    flag : str
        Its name on the command line where that is not the field's.
    key : str
        Its name in files and forms where that is not the flag's.
    metavar : str
        What its value is called; N and X for numbers where it is not said.
    choices : tuple of str
        The values it can have; empty for any.
    is_ok : callable, optional
        Whether a value can be used.
    range : str
        Which values those are, in words.
    least : float, optional
        The smallest number it can be.
    kind : type, optional
        Type of the value as written, where the field holds something made of it.
    items : tuple of type
        Types of a list's items.
    nargs : str
        ``+`` where several values follow one option; lists are else made by repeating it.
    default_words : str
        What stands for it where it is left out, in words.
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
    """Make a dataclass field that is an option; ``more`` are the fields of :class:`Option`."""
    made = {"default": default} if default is not MISSING else {}
    if "default_factory" in more:
        made["default_factory"] = more.pop("default_factory")
    return field(**made, metadata={_KEY: Option(help, **more)})


@dataclass(frozen=True)
class Written:
    """One option as it is written: ``name`` in files and forms, ``flag`` on the command line."""

    name: str
    flag: str
    kind: type
    default: Any
    about: Option

    @property
    def help(self) -> str:
        """What it is, and its default where it has one."""
        default = self.about.default_words
        if not default and self.kind is not bool and self.default not in (None, "", ()):
            default = f"{self.default}"
        return f"{self.about.help} (default: {default})" if default else self.about.help

    @property
    def tip(self) -> str:
        """What it is, as a sentence."""
        text = self.about.help
        return f"{text[0].upper()}{text[1:].rstrip('.')}."

    @property
    def metavar(self) -> str:
        """What its value is called."""
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
        One is out of range; the message names the option and the value.
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


def check_types(given: dict[str, Any], known: dict[str, Written], where: str) -> None:
    """Check the names and types of options that a file gives.

    Raises
    ------
    UserError
        One is unknown or of another type; ``where`` begins the message.
    """
    for key, value in given.items():
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
