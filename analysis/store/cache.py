"""The folder of sweeps, and what is done to a sweep as a whole."""

from analysis.config import check_sweep_name, is_sweep_name
from analysis.errors import RunError, UserError
from analysis.filesystem import Location, location
from analysis.filesystem.atomic import child_names
from analysis.store import publishing, transfer
from analysis.store.sweep_folder import SweepFolder


class Cache:
    """The folder of sweeps: a path, or an fsspec URL."""

    def __init__(self, root: str | Location) -> None:
        self.root = location(root)

    def sweep(self, name: str) -> SweepFolder:
        """Return a sweep's folder, there already or not."""
        return SweepFolder(self.root / check_sweep_name(name))

    def existing(self, name: str) -> SweepFolder:
        """Return the folder of a sweep that must exist.

        Raises
        ------
        UserError
            There is none of that name; the message lists those there are.
        """
        sweep = self.sweep(name)
        if not sweep.exists:
            known = ", ".join(self.names()) or "none yet; 'python -m analysis demo' makes one"
            raise UserError(f"no sweep '{name}' in {self.root}; there: {known}")
        return sweep

    def names(self) -> list[str]:
        """Name the sweeps of the cache, sorted; a folder that no sweep can be called is none."""
        return [name for name in self._folders() if self._is_sweep(name)]

    def _is_sweep(self, name: str) -> bool:
        try:
            return self.sweep(name).exists
        except RunError:
            return True  # unknown: reading it raises the error, and other sweeps stay listed

    def headless(self) -> list[str]:
        """Name the folders that hold predictions but no manifest, sorted."""
        others = set(self._folders()) - set(self.names())
        return [name for name in sorted(others) if transfer.is_headless(self.sweep(name))]

    def _folders(self) -> list[str]:
        return [name for name in child_names(self.root) if is_sweep_name(name)]

    def rename(self, old: str, new: str) -> None:
        """Give a sweep another name."""
        if not transfer.finish_rename(self.sweep(old), self.sweep(new)):
            transfer.rename(self.existing(old), self.sweep(new))

    def remove(self, name: str) -> Location | None:
        """Delete a sweep and its files; return the folder of its annotations, which stay."""
        sweep = self.sweep(name)
        is_cut_off = publishing.is_removed(sweep.path)
        return transfer.remove(sweep if is_cut_off else self.existing(name))
