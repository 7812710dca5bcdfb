"""A report in a real browser: it is there, it moves, it asks nobody for anything."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from made_up import CRITERIA
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from polyomics.database import StudyRow
from polyomics.report import write_report
from polyomics.report.recorded import RecordedRun

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--disable-quic"),
)
"""WebGL in software, and no requests of the browser's own."""
PATIENCE_MS = 60_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@dataclass
class Opened:
    """A page, and what it said and asked for."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(study: StudyRow, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(study, home, tmp_path_factory.mktemp("report") / "report.html")


def opened(browser: Browser, path: Path, *, width: int = 1200, scheme: str = "light") -> Opened:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    found = Opened(context.new_page())
    found.page.on("request", lambda request: found.requests.append(request.url))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on("console", lambda said: found.complaints.append(said.text) if said.type == "error" else None)
    found.page.goto(path.as_uri(), timeout=PATIENCE_MS)
    found.page.wait_for_selector("#viewer[data-state]", timeout=PATIENCE_MS)
    return found


def pixels(part: Locator) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(part.screenshot(timeout=PATIENCE_MS))).convert("RGB"), dtype=int)


def share_unlike_the_corner(image: np.ndarray) -> float:
    return float((np.abs(image - image[6, 6]).sum(axis=2) > 60).mean())


def test_everything_is_on_the_page_and_nothing_is_asked_for(browser: Browser, report: Path, study: StudyRow) -> None:
    found = opened(browser, report)
    page = found.page
    assert page.title() == f"{study.polymer.psmiles} – polyomics report"
    rows = page.locator("#results tbody tr")
    assert rows.count() == len(study.measurements)
    assert [rows.nth(i).locator("th span").get_attribute("title") for i in range(rows.count())] == [
        item.name for item in study.measurements
    ]
    assert page.locator("#equilibrium tbody tr").count() == len(CRITERIA)
    figures = page.locator("svg.plot")
    assert figures.count() == 2 + len(study.measurements)
    for number in range(figures.count()):
        box = figures.nth(number).bounding_box()
        assert figures.nth(number).is_visible()
        assert box is not None
        assert min(box["width"], box["height"]) > 100
        assert share_unlike_the_corner(pixels(figures.nth(number))) > 0.01
    spec = page.locator("#spec pre")
    assert not spec.is_visible()
    page.locator("#spec summary").click()
    assert spec.is_visible()
    assert '"psmiles": "*CC*"' in str(spec.text_content())
    assert found.requests == [report.as_uri()]
    assert found.complaints == []
    page.context.close()


def test_the_cell_is_drawn_and_turns(browser: Browser, report: Path) -> None:
    found = opened(browser, report)
    viewer = found.page.locator("#viewer")
    assert viewer.get_attribute("data-state") == "drawn"
    assert viewer.locator("canvas").count() >= 1
    viewer.scroll_into_view_if_needed()
    before = pixels(viewer)
    assert share_unlike_the_corner(before) > 0.01
    box = viewer.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    found.page.mouse.move(*middle)
    found.page.mouse.down()
    found.page.mouse.move(middle[0] + 120, middle[1] + 40, steps=4)
    found.page.mouse.up()
    turned = pixels(viewer)
    assert (np.abs(turned - before).sum(axis=2) > 60).mean() > 0.01
    found.page.get_by_role("button", name="hide hydrogens").click()
    assert share_unlike_the_corner(pixels(viewer)) < share_unlike_the_corner(turned)
    found.page.get_by_role("button", name="colour by element").click()
    assert found.page.get_by_role("button", name="colour by chain").is_visible()
    found.page.get_by_role("button", name="show hydrogens").click()
    found.page.get_by_role("button", name="reset view").click()
    assert found.complaints == []
    found.page.context.close()


def test_it_is_dark_where_the_reader_wants_it_and_fits_a_phone(browser: Browser, report: Path) -> None:
    found = opened(browser, report, width=375, scheme="dark")
    page = found.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    ink, ground = (
        sum(map(int, page.evaluate(f"getComputedStyle(document.body).{name}").strip("rgb()").split(",")))
        for name in ("color", "backgroundColor")
    )
    assert ink > 500
    assert ground < 200
    for part in (page.locator("#history"), page.locator("#viewer")):
        assert np.median(pixels(part).sum(axis=2)) < 250
    assert (found.requests, found.complaints) == ([report.as_uri()], [])
    page.context.close()


def test_the_page_of_a_study_whose_files_are_gone_has_no_viewer_and_no_errors(
    browser: Browser, study: StudyRow, tmp_path: Path
) -> None:
    path = write_report(study, tmp_path, tmp_path / "report.html")
    assert RecordedRun(study, tmp_path).stages == ()
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    page.goto(path.as_uri(), timeout=PATIENCE_MS)
    assert page.locator("#viewer").count() == 0
    assert page.locator("#notes li").count() >= 1
    assert complaints == []
    page.close()
