"""Passwords: from variables or files, to nowhere else. Every output, log, file and command line is searched."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from secured import PASSWORD, SecuredServer

import polyomics
from polyomics import config
from polyomics.database import Store
from polyomics.errors import InvalidSettings
from polyomics.spec import StudySpec
from polyomics.study import new_study

COMMAND = [sys.executable, "-m", "polyomics.cli"]
VARIABLE = config.DATABASE_VARIABLE


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POLYOMICS", "PREFECT"))}
    return {**kept, "POLYOMICS_HOME": str(home), "PYTHONPATH": str(Path(polyomics.__file__).parents[1])}


@pytest.fixture
def secret_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Writes a secret to a file outside the home folder; its path."""

    def write(text: str) -> str:
        path = tmp_path_factory.mktemp("secret") / "value"
        path.write_text(text)
        return str(path)

    return write


# -------------------------------------------------------------------- where they come from


def test_a_file_stands_for_the_variable(secret_file: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv(f"{VARIABLE}_FILE", secret_file("postgresql://a:b@c/d\n"))
    assert config.database_url() == "postgresql://a:b@c/d"


@pytest.mark.parametrize("name", config.SECRET_VARIABLES)
def test_what_is_in_files_is_put_where_libraries_look(name: str, secret_file: Callable[[str], str]) -> None:
    environment = {f"{name}_FILE": secret_file("me:it's $a secret\n"), "OTHER_FILE": "/x"}
    config.load_secret_files(environment)
    assert environment == {name: "me:it's $a secret", "OTHER_FILE": "/x"}
    config.load_secret_files(environment)
    assert environment[name] == "me:it's $a secret"


@pytest.mark.parametrize(("content", "reason"), [(None, "cannot be read"), ("", "one line"), ("a\nb\n", "one line")])
def test_an_unusable_file_is_one_sentence(
    content: str | None, reason: str, secret_file: Callable[[str], str], tmp_path: Path
) -> None:
    path = str(tmp_path / "none") if content is None else secret_file(content)
    with pytest.raises(InvalidSettings, match=reason) as refused:
        config.secret(VARIABLE, {f"{VARIABLE}_FILE": path})
    assert path in str(refused.value)


def test_both_are_too_many(secret_file: Callable[[str], str]) -> None:
    with pytest.raises(InvalidSettings, match="both set"):
        config.secret(VARIABLE, {VARIABLE: "x", f"{VARIABLE}_FILE": secret_file("y")})


# -------------------------------------------------------------------- where they do not go


def command_lines() -> str:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(found)


def everything_written(folder: Path) -> str:
    return "\n".join(path.read_bytes().decode("latin-1") for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_study_with_a_password_leaves_no_trace_of_it(
    url_of: Callable[[str], str],
    secured_server: SecuredServer,
    secret_file: Callable[[str], str],
    environment: dict[str, str],
    short_spec: StudySpec,
    home: Path,
) -> None:
    with Store.open(url_of("submitter")) as store:
        store.add_study(new_study(short_spec))
    environment |= {f"{VARIABLE}_FILE": secret_file(url_of("worker") + "\n")}
    worker = subprocess.Popen(
        [*COMMAND, "worker", "--once", "--no-benchmark", "--platform", "CPU", "--threads", "1", "--verbose"],
        env=environment,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    shown = ""
    while worker.poll() is None:
        shown += command_lines()
        time.sleep(0.05)
    said = worker.stdout.read() if worker.stdout else ""
    assert "polyomics.work.child" in shown
    with Store.open(url_of("reader")) as store:
        study = store.study(short_spec.key)
        assert study.status == "done", said
        assert PASSWORD not in study.model_dump_json()
    assert PASSWORD not in shown
    assert PASSWORD not in said
    written = everything_written(home)
    assert short_spec.key in written
    assert PASSWORD not in written


COMMANDS = (
    ("status",),
    ("list",),
    ("query",),
    ("submit", "*CC*", "--preset", "smoke"),
    ("worker", "--once", "--no-benchmark"),
    ("db", "status"),
    ("db", "upgrade"),
    ("run", "*CC*", "--preset", "smoke"),
    ("up", "--port", "48123"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("trouble", ["wrong password", "unreachable", "malformed"])
def test_trouble_with_the_database_does_not_tell_the_password(
    command: tuple[str, ...],
    trouble: str,
    url_of: Callable[[str], str],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    from polyomics.cli import main

    hidden = "n0t-the-w0rd"
    right = url_of("worker")
    url = {
        "wrong password": right.replace(PASSWORD, hidden),
        "unreachable": f"postgresql://polyomics_worker:{hidden}@127.0.0.1:1/polyomics",
        "malformed": f"postgresql://polyomics_worker:{hidden}@host:port/x",
    }[trouble]
    monkeypatch.setenv(VARIABLE, url)
    caplog.set_level(0)
    assert main(command) == 2
    written = capfd.readouterr()
    assert written.err.count("error: ") == 1
    assert hidden not in written.out + written.err + caplog.text + everything_written(home)
