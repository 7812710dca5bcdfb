"""A disk so small that a test can fill it."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, *, megabytes: float) -> Iterator[Path]:
    """A disk of its own at `folder`; skips the test where none can be mounted."""
    folder.mkdir(exist_ok=True)
    options = f"size={round(megabytes * 1024)}k"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, *, leave_bytes: int = 0) -> Path:
    """Write a file that leaves so much space on the disk of `folder`; the file, whose removal frees the rest."""
    ballast = folder / "ballast"
    found = os.statvfs(folder)
    with ballast.open("wb", buffering=0) as stream:
        try:
            if leave_bytes:
                os.posix_fallocate(stream.fileno(), 0, max(1, found.f_bavail * found.f_frsize - leave_bytes))
            while not leave_bytes:
                stream.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return ballast
