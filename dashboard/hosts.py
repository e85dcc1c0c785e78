"""Under which names this server answers: others are turned away, in requests and connections.

A page of another name that resolves to this machine (DNS rebinding) would otherwise reach it from a
visitor's own browser.
"""

import ipaddress
import os
import socket
from collections.abc import Iterable

from analysis.errors import UserError

OWN = ("127.0.0.1", "localhost", "[::1]")
EVERYWHERE = ("0.0.0.0", "::")
_HOSTS = "LETHE_HOSTS"
_ANY_ADDRESS = "any-address"


def known(address: str, public_host: str | None, allowed: Iterable[str]) -> tuple[str, ...]:
    """Host names configured for the server, those of this machine first.

    Where it listens at every address, each number of an address is one: it names no other site.

    Parameters
    ----------
    address : str
        Where it listens.
    public_host : str, optional
        Name under which browsers reach it.
    allowed : iterable of str
        More names; ``*.example.org`` stands for those below.

    Raises
    ------
    UserError
        A name has a port, a path or blanks.
    """
    names = [*OWN]
    if address in EVERYWHERE:
        names += [_ANY_ADDRESS, socket.gethostname().lower(), socket.getfqdn().lower()]
    else:
        names.append(f"[{address}]" if ":" in address else address.lower())
    for name in (*([public_host] if public_host else []), *allowed):
        if name != name.strip() or not name or any(part in name for part in "/ ,"):
            raise UserError(f"--allow-host {name!r}: expected a name such as lethe.example.org")
        if host_of(name) != name.lower():
            raise UserError(f"--allow-host {name}: expected the name alone, without a port")
        names.append(name.lower())
    return tuple(dict.fromkeys(names))


def declare(names: Iterable[str]) -> None:
    """Say for the whole server which names are known."""
    os.environ[_HOSTS] = ",".join(names)


def declared() -> tuple[str, ...]:
    """Return the names that are known; empty where none is configured."""
    return tuple(filter(None, os.environ.get(_HOSTS, "").split(",")))


def host_of(header: str) -> str:
    """Return the name in a Host header, in small letters and without its port."""
    header = header.strip().lower()
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.partition(":")[0] if header.count(":") == 1 else header


def is_known(header: str | None) -> bool:
    """Whether a Host header names this server; unknown where none is configured."""
    names = declared()
    if not names:
        return True
    host = host_of(header or "")
    if host in names:
        return True
    if _ANY_ADDRESS in names and _is_number(host):
        return True
    return any(name.startswith("*.") and host.endswith(name[1:]) for name in names)


def for_streamlit() -> list[str]:
    """Return the names for Streamlit's own list; empty where every address is one."""
    names = declared()
    return [] if _ANY_ADDRESS in names else [name.strip("[]") for name in names]


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
