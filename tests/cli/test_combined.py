"""Replicates put together: after a run, and in a query. The studies are finished already, so no MD runs."""

from collections.abc import Callable
from typing import Any

import pytest

from polyomics.analysis.replicates import combine

VALUES, ERRORS = (1.00, 1.03, 0.98), (0.004, 0.003, 0.005)


@pytest.fixture
def three(finished: Callable[..., Any]) -> list[str]:
    """Keys of three replicates of polystyrene; the last has another flag and no radius of gyration."""
    specs = []
    for number, (value, error) in enumerate(zip(VALUES, ERRORS, strict=True)):
        values: dict[str, Any] = {"density": (value, error)}
        values["radius_of_gyration"] = None if number == 2 else (1.0 + 0.1 * number, None)
        flags = ("demo_quality", "drifting") if number == 2 else ("demo_quality",)
        specs.append(finished("*CC(*)c1ccccc1", {"replicate": number}, values, flags))
    return [spec.key for spec in specs]


ASKED = ("--property", "density", "--property", "radius_of_gyration", "--replicates", "3")


def test_a_run_combines_its_replicates(cli: Callable[..., Any], three: list[str]) -> None:
    answer = cli("run", "*CC(*)c1ccccc1", *ASKED, "--json")
    assert [study["key"] for study in answer.json] == three
    assert [study["status"] for study in answer.json] == ["existing"] * 3
    for study in answer.json:
        density, size = study["combined"]
        expected = combine(VALUES, ERRORS)
        assert density["name"] == "density"
        assert density["value"] == pytest.approx(expected.value)
        assert density["stderr"] == pytest.approx(expected.stderr)
        assert density["spread"] == pytest.approx(expected.spread)
        assert (density["n_replicates"], density["flags"]) == (3, ["demo_quality", "drifting"])
        assert (size["n_replicates"], size["value"]) == (2, pytest.approx(1.05))
    text = cli("run", "*CC(*)c1ccccc1", *ASKED).stdout
    assert text.count("replicates combined") == 1
    assert text.index("replicates combined") > text.rindex("nothing to do")


def test_one_study_is_not_combined(cli: Callable[..., Any], three: list[str]) -> None:
    command = ["run", "*CC(*)c1ccccc1", *ASKED[:-2]]
    assert cli(*command, "--json").json[0]["combined"] == []
    assert "replicates combined" not in cli(*command).stdout


def test_a_query_combines_what_differs_only_by_chance(
    cli: Callable[..., Any], three: list[str], finished: Callable[..., Any]
) -> None:
    """Another seed is a replicate; other charges, another temperature or another polymer are not."""
    finished("*CC(*)c1ccccc1", {"seed": 5}, {"density": (1.01, 0.004)})
    finished("*CC(*)c1ccccc1", {"charges": "gasteiger"}, {"density": (2.0, 0.004)})
    finished("*CC(*)c1ccccc1", {"temperature_k": 350.0}, {"density": (3.0, 0.004)})
    finished("*CC*", {}, {"density": (4.0, 0.004)})
    rows = cli("query", "--property", "density", "--combine", "--json").json
    assert [row["n_replicates"] for row in rows] == [4, 1, 1, 1]
    expected = combine([*VALUES, 1.01], [*ERRORS, 0.004])
    assert rows[0]["value"] == pytest.approx(expected.value)
    assert rows[0]["stderr"] == pytest.approx(expected.stderr)
    assert rows[0]["study_keys"][:3] == three
    assert rows[0]["flags"] == ["demo_quality", "drifting"]
    assert [row["value"] for row in rows[1:]] == [2.0, 3.0, 4.0]
    assert [row["stderr"] for row in rows[1:]] == [0.004] * 3


def test_a_range_and_a_limit_count_for_combined_values(cli: Callable[..., Any], three: list[str]) -> None:
    """One replicate is above 1.02 and one below 0.99: the combined value is neither, and no replicate is left out."""
    command = ["query", "--property", "density", "--combine", "--json"]
    assert cli(*command, "--min", "1.02").json == []
    assert cli(*command, "--max", "0.99").json == []
    assert cli(*command, "--min", "0.99", "--max", "1.02").json[0]["n_replicates"] == 3
    assert len(cli("query", "--combine", "--json", "--limit", "1").json) == 1
    text = cli("query", "--combine").stdout
    assert "2 values of all replicates" in text
    assert cli("query", "--combine", "--min", "1").code == 2


def test_without_results_there_is_nothing_to_combine(cli: Callable[..., Any]) -> None:
    assert cli("query", "--combine", "--json").json == []


def test_a_query_leaves_single_studies_as_they_are(cli: Callable[..., Any], three: list[str]) -> None:
    rows = cli("query", "--property", "density", "--json").json
    assert [row["value"] for row in rows] == list(VALUES)
