"""A remote path does what the cache needs of a local one, and says in words what goes wrong."""

import io
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.errors import CacheError, RunError, UserError
from analysis.filesystem import RemotePath, address, location
from analysis.filesystem.connection import filesystem
from analysis.filesystem.path import RemoteFile
from analysis.store.parquet import read_table
from tests.test_cli import ROOT


@pytest.mark.parametrize("url", ["memory://", "s3://bucket", "s3://bucket/a", "sftp://me@host/b"])
def test_names_are_put_together_and_taken_apart(url: str) -> None:
    place = RemotePath(url) / "demo" / "seed-0.parquet"
    assert place.name == "seed-0.parquet"
    assert place.parent == RemotePath(url) / "demo"
    assert place.with_name("other").url == (RemotePath(url) / "demo" / "other").url
    assert place.relative_to(RemotePath(url)).as_posix() == "demo/seed-0.parquet"
    assert RemotePath(place.parent.url + "/") == place.parent
    with pytest.raises(ValueError, match="does not lie in"):
        place.relative_to(RemotePath(url) / "dem")


def test_a_password_is_never_shown_and_goes_to_workers() -> None:
    place = RemotePath("sftp://me:secret@host/cache")
    assert str(place) == "sftp://me:***@host/cache"
    assert pickle.loads(pickle.dumps(place)).url == address(place) == "sftp://me:secret@host/cache"


def test_a_path_stays_a_path_and_file_urls_name_one(tmp_path: Path) -> None:
    assert location("cache") == Path("cache")
    assert location("C://cache") == Path("C://cache")
    assert location(f"file://{tmp_path}/a b") == tmp_path / "a b"


def test_what_was_written_is_there_and_what_was_deleted_is_gone(
    root: RemotePath, tmp_path: Path
) -> None:
    assert root.files() == {}
    assert not root.exists()
    file = root / "a" / "b" / "file.bin"
    for content in (b"first", b"the second", b""):
        file.write_bytes(content)
        assert file.read_bytes() == content
        assert root.files() == {"a/b/file.bin": len(content)}
    (tmp_path / "here").write_bytes(b"third")
    file.upload(tmp_path / "here")
    file.download(tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"third"
    assert file.is_file()
    assert (root / "a").is_dir()
    assert [path.name for path in (root / "a").iterdir()] == ["b"]
    file.copy_to(root / "c" / "copy.bin")
    assert (root / "c" / "copy.bin").read_bytes() == b"third"
    file.unlink()
    file.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        file.read_bytes()
    root.remove_tree()
    root.remove_tree()
    assert root.files() == {}


def test_what_another_process_does_shows_up(ftp_server: tuple[str, Path]) -> None:
    url, served = ftp_server
    root = RemotePath(f"{url}/others")
    (root / "mine").write_bytes(b"1")
    stamp = (root / "mine").stamp()
    assert list(root.files()) == ["mine"]
    (served / "others" / "theirs").write_bytes(b"22")
    (served / "others" / "mine").write_bytes(b"333")
    assert root.files() == {"mine": 3, "theirs": 2}
    assert (root / "mine").stamp() != stamp
    (served / "others" / "theirs").unlink()
    assert not (root / "theirs").exists()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    root: RemotePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = root / "file.bin"
    file.write_bytes(b"old")
    system = type(filesystem(file.url, "")[0])
    (tmp_path / "new").write_bytes(b"new, and longer")
    put = system.put_file

    def cut_off(fs: object, source: str, path: str, **_: object) -> None:
        if not root.url.startswith("memory"):  # An object store shows no half upload.
            put(fs, source, path)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(system, "put_file", cut_off)
    with pytest.raises(RunError, match="No space left on device"):
        file.upload(tmp_path / "new")
    monkeypatch.undo()
    assert file.read_bytes() == b"old"
    assert root.files() == {"file.bin": 3}


def test_a_file_is_created_once(root: RemotePath) -> None:
    (root / "a" / "one").create(b"first")
    with pytest.raises(FileExistsError):
        (root / "a" / "one").create(b"second")
    assert (root / "a" / "one").read_bytes() == b"first"


def test_a_connection_that_was_closed_is_opened_anew(ftp_server: tuple[str, Path]) -> None:
    file = RemotePath(f"{ftp_server[0]}/idle/file")
    file.write_bytes(b"kept")
    filesystem(file.url, "")[0].ftp.close()
    assert file.read_bytes() == b"kept"


# --- tables -------------------------------------------------------------------------------------
def _table() -> pa.Table:
    generator = np.random.default_rng(0)
    return pa.table({"small": np.arange(20_000, dtype=np.int32), "wide": generator.random(20_000)})


def test_a_table_is_read_alike_and_only_the_columns_asked_for(
    root: RemotePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(_table(), tmp_path / "t.parquet", compression="zstd")
    (root / "t.parquet").upload(tmp_path / "t.parquet")
    fetched = []
    read = RemoteFile.read

    def counted(file: RemoteFile, size: int = -1) -> bytes:
        content = read(file, size)
        fetched.append(len(content))
        return content

    monkeypatch.setattr(RemoteFile, "read", counted)
    assert read_table(root / "t.parquet", "made").equals(_table())
    whole, fetched[:] = sum(fetched), []
    assert read_table(root / "t.parquet", "made", ["small"]).equals(_table().select(["small"]))
    assert sum(fetched) < 0.6 * whole


def test_a_damaged_table_is_called_damaged_and_a_missing_one_missing(root: RemotePath) -> None:
    (root / "t.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(CacheError, match=r"t\.parquet is damaged.*verify made"):
        read_table(root / "t.parquet", "made")
    with pytest.raises(CacheError, match=r"gone\.parquet is missing"):
        read_table(root / "gone.parquet", "made")


def test_a_connection_that_breaks_while_reading_is_no_damage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = io.BytesIO()
    pq.write_table(_table(), content)
    file = RemotePath("memory://breaking/t.parquet")
    file.write_bytes(content.getvalue())

    def broken(*_: object) -> bytes:
        raise ConnectionResetError("Connection reset by peer")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFile.read", broken)
    with pytest.raises(RunError, match=r"t\.parquet cannot be reached: Connection reset"):
        read_table(file, "made")


# --- what cannot be used ------------------------------------------------------------------------
def _status_and_error(cache: str, *before: str) -> tuple[int, str]:
    code = "\n".join(
        (*before, "import sys; from analysis.cli.main import main",
         f"sys.exit(main(['list', '--cache', {cache!r}]))")
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket/cache", "s3://bucket/cache needs another package: Install s3fs"),
        ("nonsense://x", "unknown protocol 'nonsense' of fsspec"),
        ("simplecache::s3://bucket", "expected one fsspec URL, not a chain"),
    ],
)
def test_a_url_that_cannot_be_used_gets_one_line(url: str, message: str) -> None:
    status, error = _status_and_error(url, "import sys; sys.modules['s3fs'] = None")
    assert status == 2
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_server_that_does_not_answer_gets_one_line_and_status_3() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        status, error = _status_and_error(f"ftp://127.0.0.1:{probe.getsockname()[1]}/cache")
    assert status == 3
    assert "cannot be reached" in error
    assert len(error.splitlines()) == 1


def test_a_wrong_password_gets_one_line_without_it(ftp_server: tuple[str, Path]) -> None:
    status, error = _status_and_error(ftp_server[0].replace("secret", "wrong") + "/cache")
    assert status == 2
    assert "access was refused" in error
    assert "wrong" not in error
    assert len(error.splitlines()) == 1


def test_a_plain_path_never_loads_fsspec() -> None:
    before = "import sys, atexit\natexit.register(lambda: print('fsspec' in sys.modules))"
    code = f"{before}\nfrom analysis.cli.main import main\nmain(['list', '--cache', 'nowhere'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("False\n")


def test_a_bucket_that_does_not_exist_is_named_when_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError("The specified bucket does not exist")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.pipe_file", missing)
    for write in (RemotePath.write_bytes, RemotePath.create):
        with pytest.raises(UserError, match="its bucket or folder does not exist"):
            write(RemotePath("memory://nowhere/file"), b"")


def test_a_server_that_fails_is_not_taken_for_a_missing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ConnectionResetError("Connection reset by peer")

    file = RemotePath(f"local://{tmp_path}/file")
    file.write_bytes(b"there")
    for name in ("info", "ls"):
        monkeypatch.setattr(f"fsspec.implementations.local.LocalFileSystem.{name}", broken)
    for asked in (file.exists, file.is_file, file.is_dir, file.parent.files, file.stamp):
        with pytest.raises(RunError, match="cannot be reached: Connection reset"):
            asked()


def test_folders_that_two_workers_make_at_once_are_made(
    ftp_server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.ftp import FTPFileSystem

    url, served = ftp_server
    make = FTPFileSystem.makedirs

    def late(fs: FTPFileSystem, path: str, **options: bool) -> None:
        (served / "raced" / "a").mkdir(parents=True, exist_ok=True)
        fs.mkdir(path, create_parents=False)  # As where it was not there a moment ago.
        make(fs, path, **options)

    monkeypatch.setattr(FTPFileSystem, "makedirs", late)
    RemotePath(f"{url}/raced/a/file").write_bytes(b"1")
    assert (served / "raced" / "a" / "file").read_bytes() == b"1"
