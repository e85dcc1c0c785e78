"""A sweep's folder compared with its manifest, and what a killed process left in it."""

from collections.abc import Collection

from analysis.filesystem import Location, atomic
from analysis.filesystem.atomic import links_out, sha256, sizes
from analysis.filesystem.connection import TEMPORARY
from analysis.store import publishing
from analysis.store.manifest import Manifest


def problems(
    folder: Location,
    there: dict[str, int],
    manifest: Manifest,
    done: Collection[str],
    *,
    own: Collection[str],
    beside: Collection[str],
) -> list[str]:
    """Say what is wrong, a line each: files missing, damaged, unlisted or foreign, links out.

    Parameters
    ----------
    folder : Location
        The sweep's folder.
    there : dict
        Bytes of each file that lies in it.
    manifest : Manifest
        What should lie in it.
    done : collection of str
        Files of the runs that are done.
    own : collection of str
        Files that belong to every sweep, besides.
    beside : collection of str
        Folders that are passed over: what can be computed again, what people keep, and what was
        on its way; files that a killed process left half-written are as well.
    """
    found = [f"link: {relative} (leads out of the sweep)" for relative in links_out(folder)]
    for relative, record in manifest.files.items():
        if relative not in there:
            found.append(f"missing: {relative}")
        elif there[relative] != record.size or _hash(folder, relative) != record.sha256:
            found.append(f"damaged: {relative} (its SHA-256 is not the manifest's)")
    for relative in done:
        if relative not in manifest.files:
            found.append(f"unlisted: {relative} (done, but not in the manifest's files)")
    for relative in sorted(there.keys() - manifest.files.keys() - set(own)):
        is_left_over = relative.rpartition("/")[2].startswith(TEMPORARY)
        if relative.partition("/")[0] not in beside and not is_left_over:
            found.append(f"foreign: {relative} (not in the manifest)")
    return found


def _hash(folder: Location, relative: str) -> str:
    path = folder / relative
    try:
        return publishing.reading(folder, path, sha256)
    except OSError as error:
        raise atomic.unreadable(path, error) from error


def remove_leftovers(folder: Location, *, but: Collection[str] = ()) -> None:
    """Remove every file that a killed process left half-written. Hold the folder's lock before.

    ``but`` names the folders below that others write to meanwhile.
    """
    for name in sizes(folder):
        if name.rpartition("/")[2].startswith(TEMPORARY) and name.partition("/")[0] not in but:
            (folder / name).unlink(missing_ok=True)
