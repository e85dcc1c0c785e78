"""Registry of the export formats, whose modules are discovered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from analysis.errors import UserError
from analysis.export.selection import Chosen
from analysis.registry import Registry

Files = Iterator[tuple[str, bytes]]
Shape = Literal["file", "folder"]


@dataclass(frozen=True)
class Format:
    """A registered format.

    ``files`` yields names and contents: a single one if the shape is ``file``, else those of a
    folder, which a browser downloads as a ZIP. ``most`` is the largest number of images, ``why``
    the reason in words; a format that ``needs_pictures`` leaves images without a picture out.
    """

    name: str
    title: str
    shape: Shape
    suffix: str
    mime: str
    about: str
    files: Callable[[Chosen], Files]
    most: int | None = None
    why: str = ""
    needs_pictures: bool = False


_FORMATS = Registry[Format]("analysis.export", "sharing format")


def register(
    name: str,
    *,
    title: str,
    shape: Shape,
    suffix: str,
    mime: str,
    about: str,
    most: int | None = None,
    why: str = "",
    needs_pictures: bool = False,
) -> Callable[[Callable[[Chosen], Files]], Callable[[Chosen], Files]]:
    """Register a function that yields the files of chosen images.

    Parameters
    ----------
    name, title : str
        Its name on the command line, and on the screen.
    shape : {"file", "folder"}
        Whether it is one file or several.
    suffix, mime : str
        Of its file.
    about : str
        Its purpose, in one sentence.
    most : int, optional
        Largest number of images; ``why`` gives the reason.
    needs_pictures : bool
        Whether it is useless without pictures.

    Raises
    ------
    ValueError
        The name is taken.
    """

    def add(files: Callable[[Chosen], Files]) -> Callable[[Chosen], Files]:
        one = Format(name, title, shape, suffix, mime, about, files, most, why, needs_pictures)
        _FORMATS.add(name, one)
        return files

    return add


def formats() -> dict[str, Format]:
    """Return all registered formats by name."""
    return dict(sorted(_FORMATS.all().items()))


def sharing_format(name: str) -> Format:
    """Return one format.

    Raises
    ------
    UserError
        There is no format of that name; the message lists all.
    """
    known = formats()
    if name not in known:
        raise UserError(f"unknown format '{name}'; expected one of {', '.join(sorted(known))}")
    return known[name]
