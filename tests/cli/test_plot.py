"""`polyomics report` and `polyomics plot`: files where they are asked for, or one sentence and nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def files(home: Path) -> list[Path]:
    """What is there, less the working files of SQLite."""
    return sorted(path for path in home.rglob("*") if not path.name.startswith("polyomics.db-"))


@pytest.mark.parametrize("command", ["report", "plot"])
def test_pictures_go_where_they_are_asked_for(
    cli: Callable[..., Any], tiny_study: tuple[str, Path], tmp_path: Path, command: str
) -> None:
    key, home = tiny_study
    path = tmp_path / ("page.html" if command == "report" else "dashboard.svg")
    answer = cli(command, key[:8], "--out", str(path), "--json", POLYOMICS_HOME=str(home))
    assert (answer.code, answer.json["path"], answer.json["key"]) == (0, str(path), key)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>" if command == "report" else "<?xml")
    assert (key in text) == (command == "report")


def test_the_figure_of_a_property_is_an_image(
    cli: Callable[..., Any], tiny_study: tuple[str, Path], tmp_path: Path
) -> None:
    key, home = tiny_study
    path = tmp_path / "density.png"
    answer = cli("plot", key, "--property", "density", "--out", str(path), POLYOMICS_HOME=str(home))
    assert (answer.code, answer.stdout) == (0, f"{path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_report_goes_into_the_run_folder_unless_told_otherwise(
    cli: Callable[..., Any], filled: dict[str, str], polyomics_home: Path
) -> None:
    expected = polyomics_home / "runs" / filled["done"] / "results" / "report.html"
    answer = cli("report", filled["done"][:10])
    assert (answer.code, answer.stdout) == (0, f"{expected}\n")
    assert "1.0200 ± 0.0040" in expected.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "ffffffff"), "begins with 'ffffffff'"),
        (("plot", "ffffffff"), "begins with 'ffffffff'"),
        (("report", "{failed}"), "is failed and has no results"),
        (("plot", "{failed}"), "is failed and has no results"),
        (("plot", "{done}"), "has a table"),
        (("plot", "{done}", "--property", "density"), "no figure of 'density'"),
        (("plot", "{done}", "--property", "densty"), "did you mean 'density'?"),
        (("plot", "{done}", "--out", "a.docx"), ".png, .svg, .pdf"),
        (("report", "{done}", "--out", "/proc/nowhere/report.html"), "cannot write"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence_and_no_file(
    cli: Callable[..., Any], filled: dict[str, str], polyomics_home: Path, arguments: tuple[str, ...], words: str
) -> None:
    before = files(polyomics_home)
    answer = cli(*(word.format(**filled) for word in arguments))
    assert (answer.code, answer.stdout, len(answer.errors)) == (2, "", 1)
    assert words in answer.errors[0]
    assert files(polyomics_home) == before
    assert list(Path.cwd().iterdir()) == []


def test_without_a_database_no_study_has_the_key(cli: Callable[..., Any], polyomics_home: Path) -> None:
    for command in ("report", "plot"):
        answer = cli(command, "abc")
        assert answer.code == 2
        assert "no results yet" in answer.errors[0]
    assert not polyomics_home.exists()
