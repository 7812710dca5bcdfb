"""The page of a study: everything in it, nothing that could run or load, and the way back to the same study."""

import base64
import hashlib
import json
import re
import shlex
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from made_up import CRITERIA

import polyomics
from polyomics.database import StageRecord, StudyRow
from polyomics.database.rows import StoredFailure
from polyomics.errors import StorageUnavailable
from polyomics.records import Curve, Measurement
from polyomics.report import write_report
from polyomics.report.flags import meaning
from polyomics.report.page import report_html
from polyomics.report.recorded import RecordedRun
from polyomics.report.reproduce import command
from polyomics.spec import StudySpec

VENDOR = Path(polyomics.__file__).parent / "report" / "vendor"
HOSTILE = "</script><script>alert('x')</script><img src=http://x.example/i onerror=alert(1)>"
LOADING = {"src", "href", "xlink:href", "action", "formaction", "data", "poster", "srcset", "background"}


class Page(HTMLParser):
    """Elements with their attributes and the text inside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.contents: list[list[str]] = []
        self.open: list[int] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.contents.append([])
        if tag not in ("meta", "br", "img", "input", "hr", "link"):
            self.open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        for index in self.open:
            self.contents[index].append(data)

    def text_of(self, tag: str, **attributes: str) -> list[str]:
        return [
            "".join(content)
            for (name, found), content in zip(self.elements, self.contents, strict=True)
            if name == tag and attributes.items() <= found.items()
        ]


@pytest.fixture(scope="module")
def page(study: StudyRow, home: Path) -> Page:
    return Page(report_html(study, home))


def rows_of(page: Page, heading: str) -> list[str]:
    (found,) = [text for text in page.text_of("table") if heading in text]
    return [text for text in page.text_of("tr") if text in found]


def test_it_says_all_that_the_study_holds(page: Page, study: StudyRow) -> None:
    (text,) = page.text_of("body")
    assert page.text_of("h1") == [f"polyomics report{study.polymer.psmiles}"]
    for item in study.measurements:
        (row,) = [row for row in rows_of(page, "value ± standard error") if row.startswith(item.name.replace("_", " "))]
        shown = re.search(r"([\d.]+) ± ([\d.]+)", row)
        assert shown is not None
        assert item.stderr is not None
        assert float(shown[1]) == pytest.approx(item.value, abs=0.1 * item.stderr)
        assert float(shown[2]) == pytest.approx(item.stderr, rel=0.05)
        for flag in item.flags:
            assert flag in row
            assert str(meaning(flag)) in text
    assert study.measurements
    for criterion in CRITERIA:
        (row,) = [row for row in rows_of(page, "what it means") if criterion.message in row]
        assert criterion.verdict in row
    for stage in study.stages:
        assert any(row.startswith(stage.name + stage.kind) for row in rows_of(page, "ns/day"))
    for name, value in {name: value for name, value in study.provenance.items() if value}.items():
        assert any(row == name.replace("_", " ") + value for row in rows_of(page, "which"))
    assert json.loads("".join(page.text_of("details", id="spec")).removeprefix("The exact request")) == study.spec
    for identifier in ("history", "internal-distances", "of-density", "of-radius_of_gyration"):
        assert page.text_of("svg", id=identifier)
    assert not page.text_of("section", id="notes")


def test_a_value_stands_beside_its_experiment_with_the_deviation(study: StudyRow, home: Path) -> None:
    value = Measurement(name="density", value=0.9405, stderr=0.01, unit="g/cm3", n_independent=40, temperature_k=300.0)
    page = Page(report_html(study.model_copy(update={"measurements": (value,)}), home))
    (row,) = [row for row in rows_of(page, "value ± standard error") if row.startswith("density")]
    known = polyomics.reference.experimental_value("*CC*", "density", 300.0)
    assert known is not None
    assert f"({100 * (0.9405 / known.value - 1):+.1f} %)" in row
    assert known.source in page.text_of("body")[0]


def test_text_from_outside_stays_text(study: StudyRow, home: Path, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    measured = Measurement(name=HOSTILE, value=1.0, unit=HOSTILE, n_independent=1, flags=(HOSTILE,))
    hostile = study.model_copy(
        update={
            "polymer": study.polymer.model_copy(update={"psmiles": f"*C{HOSTILE}*", "formula": HOSTILE}),
            "preset": HOSTILE,
            "spec": {"polymer": {"psmiles": HOSTILE}, HOSTILE: [HOSTILE]},
            "measurements": (measured,),
            "criteria": tuple(item.model_copy(update={"name": HOSTILE, "message": HOSTILE}) for item in CRITERIA),
            "failures": (StoredFailure(stage=HOSTILE, kind=HOSTILE, message=HOSTILE, created=now),),
            "stages": (StageRecord(sequence=0, name=HOSTILE, kind=HOSTILE, status="done", detail={HOSTILE: HOSTILE}),),
            "provenance": {HOSTILE: HOSTILE},
        }
    )
    (tmp_path / study.run_folder).parent.mkdir()
    (tmp_path / study.run_folder).symlink_to(home / study.run_folder)
    with pytest.MonkeyPatch.context() as patch:
        curve = Curve(name=HOSTILE, property=HOSTILE, x_name=HOSTILE, y_name=HOSTILE, x=(1.0,), y=(1.0,))
        patch.setattr(RecordedRun, "curves", (curve,))
        text = report_html(hostile, tmp_path)
    page = Page(text)
    check_that_it_is_inert(page)
    assert "img" not in [tag for tag, _ in page.elements]
    assert page.text_of("body")[0].count("alert('x')") > 15


def check_that_it_is_inert(page: Page) -> None:
    """Only the scripts whose digests the page's policy names, and nothing that loads."""
    scripts = [
        "".join(content)
        for (tag, attributes), content in zip(page.elements, page.contents, strict=True)
        if tag == "script" and attributes.get("type") != "application/json"
    ]
    assert len(scripts) == 2
    (policy,) = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    allowed = re.findall(r"'sha256-([^']+)'", str(policy))
    assert allowed == [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "video", "audio")
        assert not [name for name in attributes if name.startswith("on")]
        for name in LOADING & set(attributes):
            target = str(attributes[name])
            is_doi = tag == "a" and target.startswith("https://doi.org/10.")
            assert is_doi or target.startswith(("#", "data:application/json;")), (tag, target)
    styles = " ".join(page.text_of("style") + [str(a.get("style", "")) for _, a in page.elements])
    assert "@import" not in styles
    assert not re.search(r"url\(\s*['\"]?(?!#)", styles)


def test_nothing_in_it_runs_or_loads(page: Page) -> None:
    check_that_it_is_inert(page)


def test_its_code_asks_for_the_same_study(
    page: Page, study: StudyRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (link,) = [attributes for tag, attributes in page.elements if tag == "a" and "download" in attributes]
    monkeypatch.chdir(tmp_path)
    Path("spec.json").write_bytes(base64.b64decode(str(link["href"]).partition(",")[2]))
    asked: list[StudySpec] = []
    monkeypatch.setattr("polyomics.study.run_study", asked.append)
    (code,) = page.text_of("pre", id="snippet")
    exec(code, {})
    assert [spec.key for spec in asked] == [study.key]
    assert asked[0].model_dump(mode="json") == study.spec


@pytest.mark.parametrize(
    "settings",
    [
        {"preset": "smoke"},
        {"preset": "demo", "n_chains": 4, "seed": 7, "replicate": 2, "temperature_k": 350.0, "head_end": "*[H]"},
        {"preset": "standard", "tacticity": "isotactic", "charges": "gasteiger", "properties": ("density",)},
    ],
)
def test_its_command_asks_for_the_same_study(settings: dict[str, Any], cli_options: Callable[[str], StudySpec]) -> None:
    spec = polyomics.make_spec("*CC(*)C", **settings)
    written = command(spec)
    assert written is not None
    assert cli_options(written) == spec


@pytest.fixture
def cli_options() -> Callable[[str], StudySpec]:
    """Reads a command as the shell and the command line do."""
    from polyomics.cli import options

    def read(written: str) -> StudySpec:
        words = shlex.split(written)
        assert words[:2] == ["polyomics", "run"]
        argument = {options.option_of(name): (name, kind) for name, kind in options.TYPES.items()}
        given: dict[str, Any] = {}
        for option, value in zip(words[3::2], words[4::2], strict=True):
            name, kind = argument[option]
            if kind == list[str]:
                given.setdefault(name, []).append(value)
            else:
                given[name] = kind(value)
        return options.spec_of(words[2], given)

    return read


def test_a_protocol_of_ones_own_has_code_and_no_command(page: Page, study: StudyRow) -> None:
    assert command(StudySpec.model_validate(study.spec)) is None
    assert page.text_of("pre", id="command") == []


def test_a_request_of_another_version_is_shown_as_it_is(study: StudyRow, home: Path) -> None:
    page = Page(report_html(study.model_copy(update={"spec": {"an": "older layout"}}), home))
    assert "gives this request another key" in page.text_of("section", id="reproduce")[0]
    assert "older layout" in page.text_of("details", id="spec")[0]


def test_without_its_files_a_study_still_has_a_page(study: StudyRow, tmp_path: Path) -> None:
    path = write_report(study, tmp_path, tmp_path / "deep" / "report.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert "has no stages on this machine" in page.text_of("section", id="notes")[0]
    assert page.text_of("svg") == []
    assert len([row for row in page.text_of("tr") if "smoke_test" in row]) == len(study.measurements)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["report.html"]


def test_a_figure_that_fails_costs_itself_alone(study: StudyRow, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*arguments: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr("polyomics.report.figures.draw_internal_distances", explode)
    monkeypatch.setattr("polyomics.report.page.scene", explode)
    page = Page(report_html(study, home))
    assert page.text_of("svg", id="history")
    assert page.text_of("section", id="notes")[0].count("no ink") == 2


def test_a_report_that_cannot_be_written_leaves_nothing(study: StudyRow, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageUnavailable):
        write_report(study, tmp_path, tmp_path / "file" / "report.html")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_the_viewer_that_is_carried_along_is_the_one_that_was_published() -> None:
    readme = (VENDOR / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256((VENDOR / "3Dmol-min.js").read_bytes()).hexdigest() in readme
    assert "3dmol v2.5.5" in (VENDOR / "3Dmol-min.js.LICENSE.txt").read_text(encoding="utf-8")
    assert "BSD-3-Clause" in (VENDOR / "3Dmol-LICENSE.txt").read_text(encoding="utf-8")
    settings = tomllib.loads((VENDOR.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "polyomics" in settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
