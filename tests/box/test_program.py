"""A program that is kept running, with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import polyomics
from polyomics.box import program as module
from polyomics.box.program import KeptProgram, Program
from polyomics.errors import InvalidSettings

SLEEPS = "import time\nprint('ready', flush=True)\ntime.sleep(600)"
IGNORES = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(600)"
)
HAS_CHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('ready', child.pid, flush=True)\ntime.sleep(600)"
)

Keep = Callable[..., tuple[KeptProgram, list[str]]]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keep]:
    """Keeps `python -c CODE` running; what is said is in the list. Nothing is left at the end."""
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.1)
    made: list[KeptProgram] = []

    def keep(code: str, stop_s: float = 30.0) -> tuple[KeptProgram, list[str]]:
        said: list[str] = []
        program = Program(
            name="it",
            command=(sys.executable, "-c", code),
            environment=dict(os.environ),
            log=tmp_path / "logs" / "it.log",
            stop_s=stop_s,
            shows_log=True,
        )
        made.append(KeptProgram(program, said.append))
        return made[-1], said

    yield keep
    for each in made:
        each.kill()


def look_until(program: KeptProgram, condition: Callable[[], object], limit_s: float = 30.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        program.look()
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_it_writes_is_passed_on_and_kept(kept: Keep) -> None:
    program, said = kept(SLEEPS)
    look_until(program, lambda: "it: ready" in said)
    assert program.program.log.read_text() == "ready\n"
    assert program.last_line() == "ready"


def test_it_is_started_again_when_it_dies(kept: Keep) -> None:
    program, said = kept("print('ready', flush=True)\nraise SystemExit(3)")
    look_until(program, lambda: said.count("it: ready") == 3)
    deaths = [line for line in said if "ended with exit code 3" in line]
    assert len(deaths) >= 2
    assert all(str(program.program.log) in line for line in deaths)


def test_what_it_left_behind_is_ended_before_it_is_started_again(
    kept: Keep,
) -> None:
    program, said = kept(HAS_CHILD)
    look_until(program, lambda: said)
    child = int(said[0].split()[-1])
    assert is_alive(child)
    os.kill(int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
    look_until(program, lambda: len(said) > 1)
    assert "ended with signal SIGKILL" in said[1]
    look_until(program, lambda: not is_alive(child))


def test_asked_to_end_it_ends_with_all_it_started(kept: Keep) -> None:
    program, said = kept(HAS_CHILD)
    look_until(program, lambda: said)
    child = int(said[0].split()[-1])
    program.ask_to_end()
    look_until(program, lambda: not program.is_running)
    look_until(program, lambda: not is_alive(child))
    assert not program.is_running
    assert len(said) == 1


def test_one_that_does_not_end_is_killed(kept: Keep) -> None:
    program, said = kept(IGNORES, stop_s=0.2)
    look_until(program, lambda: "it: ready" in said)
    program.ask_to_end()
    look_until(program, lambda: not program.is_running)
    assert said[-1] == "it: does not end; it is killed"


def test_wrong_settings_are_not_tried_again(kept: Keep) -> None:
    program, _ = kept("import sys\nprint('error: no such pool', file=sys.stderr)\nraise SystemExit(2)")
    with pytest.raises(InvalidSettings, match=r"^the it cannot work: no such pool$"):
        look_until(program, lambda: False)


def test_a_large_log_is_put_aside(kept: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    program, said = kept(SLEEPS)
    log = program.program.log
    log.parent.mkdir()
    log.write_text("old\n" * 10)
    monkeypatch.setattr(module, "LARGEST_LOG_BYTES", 10)
    look_until(program, lambda: said)
    assert said == ["it: ready"]
    assert log.read_text() == "ready\n"
    assert log.with_name("it.log.1").read_text() == "old\n" * 10


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children of a death on Linux only")
def test_it_does_not_outlive_who_keeps_it(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom polyomics.box.program import KeptProgram, Program\n"
        "command = (sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(600)')\n"
        "kept = KeptProgram(Program('it', command, dict(os.environ), Path(sys.argv[1]), 5.0, True), print)\n"
        "while True:\n    kept.look()\n    sys.stdout.flush()\n    time.sleep(0.05)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(polyomics.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "it.log")], stdout=subprocess.PIPE, text=True, env=environment
    ) as keeper:
        assert keeper.stdout is not None
        pid = int(keeper.stdout.readline().split()[-1])
        assert is_alive(pid)
        keeper.kill()
    deadline = time.monotonic() + 30
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
