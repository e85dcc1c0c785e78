"""Finding the files of a package that register what they hold, so that no list names them."""

import importlib
import pkgutil
from functools import cache


@cache
def import_all(package: str) -> None:
    """Import every module of a package, once in a process."""
    found = importlib.import_module(package)
    for module in pkgutil.iter_modules(found.__path__, f"{package}."):
        importlib.import_module(module.name)
