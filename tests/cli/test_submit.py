"""`polyomics submit`: what a user sees."""

import csv
import io
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

POLYMERS = "psmiles,name\n*CC*,PE\n*CC(*)C,PP\n*CCO*,PEO\n"
COMMAND = [sys.executable, "-m", "polyomics.cli"]
KEYS = {
    *("campaign", "priority", "pool", "dry_run", "ignored_columns", "n_lines", "inserted", "existing"),
    *("existing_by_status", "repeated", "invalid", "invalid_by_kind", "first_invalid", "first_keys"),
    *("gpu_hours_new", "gpu_hours", "database"),
}


@pytest.fixture
def polymers(home: Path) -> Callable[[str | bytes], str]:
    """Writes a file of polymers and returns its path."""

    def write(text: str | bytes) -> str:
        path = home / "polymers.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_a_file_goes_in_and_again_changes_nothing(
    cli: Callable[..., Any], polymers: Callable[[str | bytes], str]
) -> None:
    command = ("submit", polymers(POLYMERS), "--preset", "smoke", "--campaign", "plastics", "--priority", "high")
    first = cli(*command)
    assert first.code == 0
    assert "inserted      3 studies" in first.stdout
    assert "GPU-hours" in first.stdout
    assert "ignoring the columns 'name'" in first.stderr
    again = cli(*command, "--json")
    assert again.code == 0
    assert set(again.json) == KEYS
    assert (again.json["inserted"], again.json["existing"]) == (0, 3)
    assert again.json["existing_by_status"] == {"queued": 3}
    assert cli("db", "status", "--json").json["studies"]["queued"] == 3


def test_wrong_lines_are_listed_and_the_others_go_in(
    cli: Callable[..., Any], polymers: Callable[[str | bytes], str], home: Path
) -> None:
    path = polymers(POLYMERS + "*CC,half\n" * 30 + "*CC(*)[Si],silicon\n")
    listing = home / "wrong.csv"
    answer = cli("submit", path, "--preset", "smoke", "--invalid", str(listing))
    assert answer.code == 1
    assert "inserted      3 studies" in answer.stdout
    assert "31 lines (30 InvalidPolymer, 1 UnsupportedElement)" in answer.stdout
    assert len(answer.errors) == 20
    assert answer.errors[0].startswith("error: line 5: '*CC' has 1 of the 2 '*'")
    assert f"all 31 wrong lines are in {listing}" in answer.stderr
    rows = list(csv.DictReader(io.StringIO(listing.read_text(encoding="utf-8"))))
    assert [int(row["line"]) for row in rows] == list(range(5, 36))
    assert rows[-1]["psmiles"] == "*CC(*)[Si]"
    assert rows[-1]["kind"] == "UnsupportedElement"
    assert "and 11 more wrong lines; --invalid FILE.csv lists all" in cli("submit", path, "--preset", "smoke").stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "is empty"),
        (b"psmiles\n", "no polymers"),
        (b"polymer\nPE\n", "one column 'psmiles'"),
        (b"*CC*\n*CCO*\n", "put a line 'psmiles' before the first polymer"),
        (b"psmiles,temprature\n*CC*,300\n", "did you mean 'temperature'"),
        (b"\xff\xfep\x00s\x00", "not UTF-8"),
        (b"psmiles\n*CC\n", "line 2: '*CC' has 1 of the 2"),
    ],
)
def test_where_nothing_can_go_in_the_code_is_2(
    cli: Callable[..., Any], polymers: Callable[[str | bytes], str], text: bytes, says: str
) -> None:
    answer = cli("submit", polymers(text))
    assert answer.code == 2
    assert says in answer.errors[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["*CC"], "1 of the 2"),
        (["gone.csv"], "cannot read gone.csv"),
        (["*CC*", "--preset", "standart"], "did you mean 'standard'"),
        (["*CC*", "--priority", "urgent"], "low, normal, high"),
        (["*CC*", "--pool", "a pool"], "letters, digits"),
        (["*CC*", "--campaign", ""], "name of the campaign is empty"),
        (["*CC*", "--campaign", "a\tb"], "no screen shows"),
        (["*CC*", "--invalid", "wrong.csv"], "--invalid is for a CSV file"),
        (["*CC*", "--chains", "1"], "twice the cut-off"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_writes_nothing(
    cli: Callable[..., Any], polyomics_home: Path, arguments: list[str], says: str
) -> None:
    answer = cli("submit", *arguments)
    assert answer.code == 2
    assert len(answer.errors) == 1
    assert says in answer.errors[0]
    assert not (polyomics_home / "runs").exists()
    assert "studies" not in answer.stdout


def test_the_list_of_wrong_lines_never_replaces_the_file(
    cli: Callable[..., Any], polymers: Callable[[str | bytes], str]
) -> None:
    path = polymers(POLYMERS)
    answer = cli("submit", path, "--invalid", path)
    assert answer.code == 2
    assert Path(path).read_text(encoding="utf-8") == POLYMERS


def test_one_polymer_tells_its_key(cli: Callable[..., Any]) -> None:
    answer = cli("submit", "*CC*", "--preset", "smoke")
    key = cli("check", "*CC*", "--preset", "smoke", "--json").json["study_key"]
    assert answer.code == 0
    assert key in answer.stdout
    assert cli("list", "--json").json[0]["key"] == key


def test_replicates_are_studies_of_their_own(cli: Callable[..., Any]) -> None:
    assert cli("submit", "*CC*", "--preset", "smoke", "--replicates", "3", "--json").json["inserted"] == 3


def test_a_dry_run_writes_nothing(
    cli: Callable[..., Any], polymers: Callable[[str | bytes], str], polyomics_home: Path
) -> None:
    answer = cli("submit", polymers(POLYMERS), "--preset", "smoke", "--dry-run")
    assert answer.code == 0
    assert "would be inserted  3 studies" in answer.stdout
    assert not polyomics_home.exists()


def test_those_that_failed_are_named_with_the_way_to_run_them_again(
    cli: Callable[..., Any], filled: dict[str, str]
) -> None:
    answer = cli("submit", "*CC*", "--temperature", "450", "--campaign", "my plastics")
    assert "1 study (1 failed)" in answer.stdout
    assert "polyomics retry --campaign 'my plastics' --status failed" in answer.stdout
    again = cli("retry", "--campaign", "my plastics", "--status", "failed", "--json")
    assert again.json["n_changed"] == 1


def test_the_standard_input_is_a_file(environment: dict[str, str], home: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "submit", "-", "--preset", "smoke", "--json"],
        input=POLYMERS,
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
        timeout=120,
    )
    assert done.returncode == 0
    assert '"inserted": 3' in done.stdout


def n_studies(database: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM study").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet
        return 0


def test_ctrl_c_ends_it_with_what_is_in_kept(environment: dict[str, str], home: Path, polyomics_home: Path) -> None:
    """While it waits for more of its input."""
    process = subprocess.Popen(
        [*COMMAND, "submit", "-", "--preset", "smoke"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment,
        cwd=home,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    try:
        process.stdin.write(b"psmiles\n" + b"*CC*\n" * 5000)
        process.stdin.flush()
        give_up = time.monotonic() + 60
        while n_studies(polyomics_home / "polyomics.db") < 1:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < give_up
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=60) == 130, rest
    finally:
        process.kill()
        process.wait()
    assert b"Traceback" not in rest
