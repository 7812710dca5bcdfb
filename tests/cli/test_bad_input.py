"""What cannot be carried out: one clear sentence, exit code 2, nothing written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

POLYMERS = {
    "not-a-SMILES": ("*C(C*", "SMILES"),
    "empty": ("", "empty"),
    "no-star": ("CCO", "0 of the 2"),
    "one-star": ("*CC", "1 of the 2"),
    "three-stars": ("*CC(*)*", "3 of the 2"),
    "star-cannot-bond": ("*CC1*C1", "'*'"),
    "silicon": ("*[Si](C)(C)O*", "Si"),
    "boron": ("*CC(*)B(C)C", "B"),
    "metal": ("*CC(*)[Fe]", "Fe"),
    "charge": ("*CC(*)C(=O)[O-]", "charge"),
    "radical": ("*C[CH]*", "electrons"),
    "fragments": ("*CC*.C", "disconnected"),
    "control-characters": ("*CC*\x1b[31m", "character"),
}
OPTIONS = {
    "negative-chains": ("--chains=-5", "n_chains"),
    "no-units": ("--units=0", "number of units"),
    "absurd-units": ("--units=1000000000000", "GB"),
    "absurd-chains": ("--chains=100000000", "GB of memory"),
    "negative-total": ("--total-atoms=-5", "total number of atoms"),
    "no-atoms-per-chain": ("--atoms-per-chain=0", "atoms per chain"),
    "too-small": ("--total-atoms=20", "cut-off"),
    "below-zero-kelvin": ("--temperature=-1", "temperature_k"),
    "not-a-number": ("--temperature=nan", "temperature_k"),
    "probability": ("--meso-probability=3", "meso_probability"),
    "tacticity": ("--tacticity=left", "'isotactic', 'syndiotactic' or 'atactic'"),
    "end-group": ("--head-end=CC", "end group"),
    "preset": ("--preset=dmeo", "did you mean 'demo'? (known: "),
    "property": ("--property=densty", "did you mean 'density'? (known: "),
    "charges": ("--charges=resp2", "not a known charge model (known: "),
    "force-field": ("--force-field=opls", "not a known force-field family (known: "),
    "protocol": ("--protocol=nowhere", "not a known protocol (known: "),
    "protocol-file": ("--protocol=nowhere.yaml", "nowhere.yaml"),
    "option": ("--chians=3", "--chains"),
    "not-a-whole-number": ("--chains=many", "--chains"),
    "platform": ("--platform=Quantum", "there are"),
    "precision": ("--precision=huge", "single, mixed, double"),
    "prefect-without-server": ("--prefect", "no Prefect server"),
    "skip-invalid": ("--skip-invalid", "CSV"),
}
FILES = {
    "missing": (None, "cannot read"),
    "empty": (b"", "is empty"),
    "blank": (b"\n\n", "is empty"),
    "header-only": (b"psmiles,name\n", "no polymers"),
    "no-psmiles": (b"polymer,name\n*CC*,PE\n", "line 1"),
    "row-too-short": (b"psmiles,name\n*CC*,PE\n*CC*\n", "line 3"),
    "open-quote": (b'psmiles\n"*CC*\n', "line 2"),
    "binary": (b"\xff\xfe\x00psmiles", "UTF-8"),
    "bad-polymer": (b"psmiles\n*CC*\n*CC\n", "line 3: '*CC' has 1 of the 2"),
    "bad-number": (b"psmiles,chains\n*CC*,three\n", "line 2: the column 'chains' has 'three'"),
    "bad-property": (b"psmiles,property\n*CC*,densty\n", "line 2: 'densty'"),
    "misspelt-column": (b"psmiles,temprature\n*CC*,300\n", "did you mean 'temperature'"),
    "two-columns-one-option": (b"psmiles,chains,n_chains\n*CC*,3,4\n", "same option"),
}
PROTOCOLS = {
    "not-yaml": b"a: [",
    "not-a-protocol": b"3",
    "no-stages": b"name: x\nstages: []",
    "unknown-stage": b"name: x\nstages: [{kind: nowhere, name: a}]",
    "kind-is-a-list": b"name: x\nstages: [{kind: [1], name: a}]",
    "unknown-field": b"name: x\nstages: [{kind: minimise, name: a, speed: 3}]",
    "no-npt-at-the-end": b"name: x\nstages: [{kind: minimise, name: a}]",
    "binary": b"\xff\xfe",
}


@pytest.fixture
def refused(cli: Callable[..., Any], home: Path) -> Callable[..., str]:
    """Runs a command that must be refused, and returns its sentence."""

    def run(*arguments: str) -> str:
        before = sorted(home.rglob("*"))
        answer = cli(*arguments)
        assert answer.code == 2
        assert answer.stdout == ""
        lines = [line for line in answer.stderr.splitlines() if not line.endswith("which are no options")]
        assert len(lines) == 1
        assert lines == answer.errors
        assert lines[0].isprintable()
        assert sorted(home.rglob("*")) == before
        return str(lines[0])

    return run


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(("psmiles", "says"), POLYMERS.values(), ids=POLYMERS)
def test_a_polymer_that_cannot_be_is_refused(
    refused: Callable[..., str], command: str, psmiles: str, says: str
) -> None:
    assert says in refused(command, psmiles)


@pytest.mark.parametrize(("option", "says"), OPTIONS.values(), ids=OPTIONS)
def test_an_option_that_cannot_be_is_refused(refused: Callable[..., str], option: str, says: str) -> None:
    assert says in refused("run", "*CC*", option)


@pytest.mark.parametrize(("content", "says"), FILES.values(), ids=FILES)
def test_a_wrong_file_is_refused_with_the_line(refused: Callable[..., str], content: bytes | None, says: str) -> None:
    if content is not None:
        Path("polymers.csv").write_bytes(content)
    assert says in refused("run", "polymers.csv")


@pytest.mark.parametrize("content", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_wrong_protocol_file_is_refused(refused: Callable[..., str], content: bytes) -> None:
    Path("mine.yaml").write_bytes(content)
    refused("run", "*CC*", "--protocol", "mine.yaml")


def test_a_protocol_that_ends_elsewhere_is_refused(
    refused: Callable[..., str], tiny_protocol: Callable[..., str]
) -> None:
    path = tiny_protocol(1)
    assert "400" in refused("check", "*CC*", "--protocol", path, "--temperature", "300")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frobnicate"], "there are cancel, check, compare, db, doctor"),
        (["run"], "Missing argument"),
        (["run", "*CC*", "*CC*"], "quote"),
        (["presets", "dmeo"], "did you mean 'demo'"),
        (["protocol", "nowhere"], "known: "),
        (["protocol", "demo", "--temperature=-1"], "temperature_k"),
        (["list", "--status=finished"], "known: queued, running, done, failed"),
        (["show", "abc"], "no results yet"),
        (["query", "densty > 1"], "density"),
        (["query", "density >"], "not understood"),
        (["query", "--property=densty"], "'densty' is not a known property"),
        (["query", "--combine", "--property=densty"], "'densty' is not a known property"),
        (["query", "--combine", "--min=1"], "property"),
        (["properties", "densty"], "did you mean 'density'"),
        (["protocol", "accurate", "--polymer", "*CC"], "1 of the 2"),
        (["query", "--min=1"], "property"),
        (["export", "results.csv"], "no database"),
        (["db", "frobnicate"], "there are copy, status, upgrade"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_is_refused(refused: Callable[..., str], arguments: list[str], says: str) -> None:
    assert says in refused(*arguments)


def test_every_wrong_line_is_named_and_the_others_run_if_asked(
    refused: Callable[..., str], cli: Callable[..., Any]
) -> None:
    Path("polymers.csv").write_text("psmiles\n*CC\n*CC*\n*CCO\n*CC(*)C\n", encoding="utf-8")
    sentence = refused("run", "polymers.csv")
    assert "line 2" in sentence
    assert "line 4" in sentence
    answer = cli("run", "polymers.csv", "--skip-invalid", "--dry-run")
    assert answer.code == 0
    assert "2 to run" in answer.stdout
    assert answer.stderr.count("skipped") == 2


# -------------------------------------------------------------------- places


def test_a_home_that_cannot_be_written_is_refused(cli: Callable[..., Any], home: Path) -> None:
    (home / "file").write_text("here is no folder", encoding="utf-8")
    answer = cli("run", "*CC*", POLYOMICS_HOME=str(home / "file" / "home"))
    assert (answer.code, len(answer.errors)) == (2, 1)
    assert "POLYOMICS" in answer.errors[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(cli: Callable[..., Any], home: Path) -> None:
    (home / "locked").mkdir(mode=0o500)
    answer = cli("run", "*CC*", POLYOMICS_HOME=str(home / "locked" / "home"))
    assert (answer.code, len(answer.errors)) == (2, 1)
    assert list((home / "locked").iterdir()) == []


def test_a_newer_database_is_left_alone(cli: Callable[..., Any], filled: dict[str, str], polyomics_home: Path) -> None:
    database = polyomics_home / "polyomics.db"
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE polyomics_version SET version_num = '9999'"))
    engine.dispose()
    for command in (["list"], ["run", "*CC*"], ["db", "upgrade"]):
        answer = cli(*command)
        assert answer.code == 2
        assert "newer" in answer.errors[0]
    answer = cli("db", "status", "--json")
    assert '"newer"' in answer.stdout
    assert not (polyomics_home / "runs").exists()


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "postgresql://user:secret@127.0.0.1:1/db"])
def test_a_database_that_cannot_be_reached_is_refused(cli: Callable[..., Any], url: str) -> None:
    answer = cli("list", POLYOMICS_DATABASE_URL=url)
    assert (answer.code, len(answer.errors)) == (2, 1)
    assert "secret" not in answer.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_said(process: Callable[..., Any], filled: dict[str, str]) -> None:
    with open("/dev/full", "w") as full:
        answer = process("list", stdout=full)
    assert answer.code == 2
    assert answer.stderr.startswith("error: ")
    assert "No space left" in answer.stderr
