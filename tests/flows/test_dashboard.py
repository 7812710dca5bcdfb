"""What the dashboard shows of a study, without a server."""

from pathlib import Path

import pytest

from flows.dashboard import FILES_VARIABLE, campaign_markdown, file_url, report_markdown, run_name, run_tags, summary
from polyomics.database.dashboard import CampaignState
from polyomics.records import Failure, Measurement
from polyomics.spec import StudySpec
from polyomics.study import StudyResult

DENSITY = Measurement(name="density", value=0.85432, stderr=0.0041, unit="g/cm3", n_independent=37.2)
RADIUS = Measurement(name="radius_of_gyration", value=0.7, unit="nm", n_independent=2, flags=("few_samples",))
FAILURE = Failure(stage="warm", kind="SimulationUnstable", message="asked for *this* | found\nthat")


def ended(spec: StudySpec, **change: object) -> StudyResult:
    values = {"status": "done", "measurements": (DENSITY, RADIUS), "failures": (), **change}
    return StudyResult(key=spec.key, psmiles=spec.polymer.psmiles, folder=Path("/data/runs/x"), **values)  # type: ignore[arg-type]


def test_the_name_says_polymer_preset_and_key(tiny_spec: StudySpec) -> None:
    name = run_name({"spec": tiny_spec.model_dump(mode="json")})
    assert name == f"{tiny_spec.polymer.psmiles} · {tiny_spec.preset} · {tiny_spec.key[:8]}"


def test_parameters_that_are_no_study_still_have_a_name() -> None:
    assert run_name({}) == run_name({"spec": {"polymer": 3}}) == "not a study"


def test_tags_find_the_study_by_polymer_preset_and_key(tiny_spec: StudySpec) -> None:
    assert run_tags(tiny_spec) == (
        f"polymer:{tiny_spec.polymer.psmiles}",
        f"preset:{tiny_spec.preset}",
        f"study:{tiny_spec.key}",
    )


def test_every_value_and_failure_is_in_the_report(tiny_spec: StudySpec) -> None:
    text = report_markdown(tiny_spec, ended(tiny_spec, failures=(FAILURE,)))
    assert "| density | 0.85432 | 0.0041 | g/cm3 | 37.2 |  |" in text
    assert "| radius\\_of\\_gyration | 0.7 |  | nm | 2 | few\\_samples |" in text
    assert "| warm | SimulationUnstable | asked for \\*this\\* \\| found that |" in text


def test_a_missing_error_bar_is_not_a_zero(tiny_spec: StudySpec) -> None:
    assert "density 0.8543 ± 0.004 g/cm3" in summary(ended(tiny_spec))
    assert "radius_of_gyration 0.7 nm" in summary(ended(tiny_spec))


def test_a_summary_says_that_nothing_was_left_to_do(tiny_spec: StudySpec) -> None:
    assert "already" in summary(ended(tiny_spec, status="existing"))


def test_links_go_where_the_files_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path("/data/home/runs/0a1b/results/report.html")
    assert file_url(page) == "file:///data/home/runs/0a1b/results/report.html"
    monkeypatch.setenv(FILES_VARIABLE, "https://files.example/polymers/")
    assert file_url(page) == "https://files.example/polymers/runs/0a1b/results/report.html"


def test_a_campaign_says_what_is_done_and_what_is_left() -> None:
    counts = {"queued": 30, "running": 10, "done": 60}
    text = campaign_markdown(CampaignState(name="vinyls", counts=counts, gpu_hours_left=123.4))
    assert "60 of 100 studies done" in text
    assert "| running | 10 | 10.0 % |" in text
    assert "123.4" in text
