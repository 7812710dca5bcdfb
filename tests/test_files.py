import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from polyomics.errors import CorruptFile, StorageUnavailable
from polyomics.files import atomic_path, is_intact, read_json, sha256, write_json, write_text


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_kill_9_while_writing_never_shows_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    code = (
        "import sys; from pathlib import Path; from polyomics.files import write_json\n"
        "for i in range(10**9): write_json(Path(sys.argv[1]), {'i': i, 'ballast': list(range(2000))})\n"
    )
    for wait_s in (0.3, 0.45, 0.6):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)])
        while not path.exists():
            time.sleep(0.01)
        time.sleep(wait_s)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert len(read_json(path)["ballast"]) == 2000


def test_a_checksum_finds_one_changed_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(1000))
    checksum = sha256(path)
    assert is_intact(path, checksum)
    path.write_bytes(bytes(999) + b"\1")
    assert not is_intact(path, checksum)
    path.unlink()
    assert not is_intact(path, checksum)


def test_json_that_cannot_be_read_is_a_corrupt_file(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    for name in ("bad.json", "missing.json"):
        with pytest.raises(CorruptFile, match=name):
            read_json(tmp_path / name)


def test_not_a_number_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable, match="file"):
        write_text(tmp_path / "file" / "below.txt", "x")


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(StorageUnavailable, match="No space left"), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.unlink()
        temporary.symlink_to("/dev/full")
        temporary.write_text("x" * 100)
    assert list(tmp_path.iterdir()) == []
