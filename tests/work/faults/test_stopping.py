"""How a process stops: real processes, real signals."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from polyomics.work.stopping import GIVEN_BACK, STOP_SIGNALS, waiting_signals

PROCESS = """
import sys, time, hashlib
from polyomics.work.stopping import GIVEN_BACK, STOP_SIGNALS, StopNow, Stopping
stopping = Stopping(float(sys.argv[1]), lambda: print("last words", flush=True))
try:
    with stopping.heeding(*STOP_SIGNALS):
        print("ready", flush=True)
        {work}
        print("checkpoint", flush=True)
except StopNow:
    print("at once", flush=True)
    sys.exit(GIVEN_BACK)
sys.exit(0 if stopping.is_asked() else 3)
"""
SEGMENT = "while not stopping.is_asked(): time.sleep(0.02)"
LONG_SEGMENT = "[time.sleep(0.02) for _ in range(50000)]"
COMPILED = "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"


@pytest.fixture
def start() -> Iterator["Starter"]:
    starter = Starter()
    yield starter
    for process in starter.processes:
        process.kill()
        process.communicate()


class Starter:
    """Starts processes that are to be stopped."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []

    def __call__(self, work: str, grace_s: float) -> "subprocess.Popen[str]":
        code = PROCESS.replace("{work}", work)
        process = subprocess.Popen([sys.executable, "-c", code, str(grace_s)], stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process


def ready(process: "subprocess.Popen[str]") -> "subprocess.Popen[str]":
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_checkpoint_that_is_near_is_waited_for(start: Starter) -> None:
    process = ready(start(SEGMENT, 600.0))
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == "checkpoint\n"
    assert process.returncode == 0


def test_one_that_is_far_is_not(start: Starter) -> None:
    process = ready(start(LONG_SEGMENT, 0.5))
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == "at once\n"
    assert process.returncode == GIVEN_BACK


def test_asked_twice_it_stops_at_once(start: Starter) -> None:
    process = ready(start(LONG_SEGMENT, 3600.0))
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "at once\n"
    assert process.returncode == GIVEN_BACK


def test_compiled_code_that_does_not_come_back_is_left_with_last_words(start: Starter) -> None:
    process = ready(start(COMPILED, 0.1))
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=90)[0] == "last words\n"
    assert process.returncode == GIVEN_BACK


def test_a_signal_that_comes_before_the_handlers_waits_for_them(start: Starter) -> None:
    with waiting_signals(*STOP_SIGNALS):
        process = start(SEGMENT, 600.0)
        os.kill(process.pid, signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == "ready\ncheckpoint\n"
    assert process.returncode == 0
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(STOP_SIGNALS)  # and we take ours again
