"""The command as a process: how fast it starts, what it imports, how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

HEAVY = ("rdkit", "openmm", "sqlalchemy", "numpy", "pydantic", "prefect", "parmed", "mdtraj", "yaml")
GROUPS = ("check", "run", "list", "show", "query", "export", "doctor", "presets", "properties", "protocol", "db")


def test_help_is_ready_in_a_second_and_imports_nothing_heavy(environment: dict[str, str]) -> None:
    code = (
        "import resource, sys; from polyomics.cli import main; code = main(['--help']);"
        "used = resource.getrusage(resource.RUSAGE_SELF);"
        f"print([m for m in {HEAVY!r} if m in sys.modules], code, used.ru_utime + used.ru_stime, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    modules, exit_code, cpu_s = done.stderr.strip().rsplit(" ", 2)
    assert (modules, exit_code) == ("[]", "0")
    assert float(cpu_s) < 1.0  # of CPU: the wall time of a busy machine is its own
    for name in GROUPS:
        assert name in done.stdout


@pytest.mark.parametrize("command", [[name] for name in GROUPS] + [["db", "status"], ["db", "upgrade"]])
def test_every_help_has_an_example(cli: Callable[..., Any], command: list[str]) -> None:
    answer = cli(*command, "--help", COLUMNS="100")
    assert answer.code == 0
    assert "Usage: polyomics " + " ".join(command) in answer.stdout
    if command != ["db"]:
        assert "Example" in answer.stdout
        assert f"polyomics {' '.join(command)}" in answer.stdout.split("Example")[1]


def test_version(cli: Callable[..., Any]) -> None:
    from polyomics import __version__

    assert cli("--version").stdout == f"polyomics {__version__}\n"


def test_a_reader_that_goes_away_is_not_complained_about(
    start: Callable[..., "subprocess.Popen[str]"], filled: dict[str, str]
) -> None:
    process = start("show", filled["done"], "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(60) != 0


def test_a_defect_is_one_sentence_and_a_traceback_only_if_asked(
    environment: dict[str, str],
) -> None:
    """A defect, made by asking Python for something no command does."""
    code = "from polyomics.cli.ending import exit_code_of; raise SystemExit(exit_code_of(lambda: 1 / 0))"

    def run(**changes: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, "-c", code], env=environment | changes, capture_output=True, text=True)

    plain, debugged = run(), run(POLYOMICS_DEBUG="1")
    assert plain.returncode == debugged.returncode == 70
    assert plain.stderr.startswith("error: unexpected ZeroDivisionError")
    assert plain.stderr.count("\n") == 1
    assert "Traceback" in debugged.stderr


def test_json_is_alone_on_stdout(process: Callable[..., Any]) -> None:
    answer = process("check", "*CC*", "--json")
    assert (answer.code, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)["formula"] == "C2H4"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a Unix")
def test_the_module_runs_too(process: Callable[..., Any]) -> None:
    assert process("--version").stdout.startswith("polyomics ")
