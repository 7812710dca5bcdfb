"""Files that are either whole or not there: written beside, flushed, renamed; and their checksums."""

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyomics.errors import CorruptFile, StorageUnavailable

if TYPE_CHECKING:
    from numpy.typing import NDArray


MANIFEST_FILE = "manifest.json"
"""Name of the file that says which files of a stage count."""


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turn what the file system refuses while `path` is written into one sentence.

    Raises:
        StorageUnavailable: The folder cannot be written, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; renamed over `path` when the block ends well.

    Whatever kills the process, `path` holds the old bytes or the new ones, never half of them.
    The temporary name keeps the suffix, since some writers choose their format by it.

    Raises:
        StorageUnavailable: The folder cannot be written, or the disk is full.
    """
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            flush(temporary)
            temporary.chmod(0o644)
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, whole or not at all."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def flush(path: Path) -> None:
    """Have the bytes of a file on the disk itself, where also a power cut leaves them."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        CorruptFile: The file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptFile(f"{path} cannot be read: {error}") from error


def read_arrays(path: Path) -> dict[str, "NDArray[Any]"]:
    """The arrays of a NumPy `.npz` file, by name.

    Raises:
        CorruptFile: The file is missing or damaged.
    """
    import numpy as np

    try:
        with np.load(path) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise CorruptFile(f"{path} cannot be read: {error}") from error


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_intact(path: Path, checksum: str) -> bool:
    """Whether the file is there and has this checksum."""
    return path.is_file() and sha256(path) == checksum


def remove_except(folder: Path, keep: Callable[[Path], bool]) -> None:
    """Remove every entry of `folder` that `keep` does not want."""
    for path in sorted(folder.iterdir()):
        if not keep(path):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
