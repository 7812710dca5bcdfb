"""Processes that help: answers in order, errors where they belong, and no waiting for one that is gone."""

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from polyomics.errors import MachineFailed
from polyomics.helpers import Helpers

LATE_S = 60.0


def square(number: int) -> int:
    time.sleep(0.02 * (number % 3))
    if number == 13:
        raise ValueError("thirteen")
    return number * number


def pid(_item: int) -> int:
    return os.getpid()


def half_an_answer(item: int) -> int:
    """Begin to answer, and be gone: what a process leaves that is killed while it writes."""
    if item == 3:
        (pipe,) = (int(one) for one in os.listdir("/proc/self/fd") if _is_socket(one))
        os.write(pipe, struct.pack("!i", 1000) + b"only this")
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def _is_socket(number: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
    except OSError:
        return False


def test_answers_come_in_order_and_from_several_processes() -> None:
    with Helpers(3, square) as helpers:
        assert list(helpers.answers(iter(range(12)))) == [number * number for number in range(12)]
        assert list(helpers.answers([])) == []
    with Helpers(3, pid) as helpers:
        pids = set(helpers.answers(range(30)))
    assert os.getpid() not in pids
    assert len(pids) == 3


def test_what_the_work_raises_says_where_and_the_process_goes_on() -> None:
    with Helpers(1, square) as helpers:
        with pytest.raises(ValueError, match="thirteen") as caught:
            helpers.ask(13).result(LATE_S)
        assert "in square" in caught.value.__notes__[0]
        assert helpers.ask(4).result(LATE_S) == 16


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the pipe by /proc")
def test_a_process_that_ends_in_the_middle_of_an_answer_is_an_error() -> None:
    with Helpers(2, half_an_answer) as helpers, pytest.raises(MachineFailed, match=r"exit code -9"):
        list(helpers.answers(range(10)))


def test_all_killed_at_once_is_an_error_for_all_that_waits() -> None:
    with Helpers(2, square) as helpers:
        assert helpers.ask(2).result(LATE_S) == 4
        for one in helpers._all:
            os.kill(one.process.pid, signal.SIGKILL)
        waiting = [helpers.ask(number) for number in range(6)]
        for one in waiting:
            with pytest.raises(MachineFailed, match="ended from outside"):
                one.result(LATE_S)


def test_they_end_with_the_process_that_asks() -> None:
    script = (
        "import os, sys, time\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from polyomics.helpers import Helpers\n"
        "from test_helpers import pid\n"
        "if __name__ == '__main__':\n"
        "    with Helpers(2, pid) as helpers:\n"
        "        print(*{helpers.ask(n).result() for n in range(20)}, flush=True)\n"
        "        time.sleep(600)\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert asking.stdout is not None
    pids = [int(one) for one in asking.stdout.readline().split()]
    assert pids
    asking.kill()
    asking.wait()
    asking.stdout.close()
    deadline = time.monotonic() + LATE_S
    while any(Path(f"/proc/{one}").exists() and _runs(one) for one in pids):
        assert time.monotonic() < deadline, "helpers of a process that is gone live on"
        time.sleep(0.05)


def _runs(number: int) -> bool:
    """Whether a process is more than an entry that nobody has asked about."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
