"""The page of `polyomics explore` in a real browser, on a real server."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_results import UNITS, add_study, key_of, url_of
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from polyomics.chemistry import parse_repeat_unit
from polyomics.database import Polymer, Store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
PATIENCE_S = 60.0

WRITTEN = [parse_repeat_unit(unit).psmiles for unit in UNITS]

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running server; one of its polymers is named with a script tag, as no import would name it."""
    home = tmp_path_factory.mktemp("explored")
    with Store.open(url_of(home)) as store:
        for number in range(len(UNITS)):
            add_study(store, number)
        add_study(store, 1, replicate=1)
        evil = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
        add_study(store, 3, replicate=7, polymer=Polymer(key="evil", psmiles=evil, formula="C2", molar_mass_g_mol=24.0))
    environment = {**os.environ, "POLYOMICS_HOME": str(home)}
    for name in ("POLYOMICS_DATABASE_URL", "PREFECT_API_URL"):
        environment.pop(name, None)
    output = home / "explore.out"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "polyomics.cli", "explore", "--port", "0", "--no-browser"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while (said := re.search(r"http://\S+", output.read_text())) is None:
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        yield said[0]
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


def is_trouble(message: ConsoleMessage) -> bool:
    """Whether the page complains of something but the drawing of the one polymer that has none."""
    return message.type == "error" and "status of 422" not in message.text


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page; what it complains of fails the test."""
    troubles: list[str] = []
    pages: list[Page] = []

    def visit(fragment: str = "#/", **options: object) -> Page:
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})  # type: ignore[arg-type]
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text) if is_trouble(message) else None)
        page.on(
            "request", lambda asked: None if asked.url.startswith((address, "data:")) else troubles.append(asked.url)
        )
        page.goto(address + fragment)
        pages.append(page)
        return page

    yield visit
    for page in pages:
        page.close()
    assert troubles == []


def units(page: Page) -> list[str]:
    """Repeat units in the table, once it is there."""
    page.wait_for_selector("#table tbody tr[data-key]")
    return page.locator("#table tbody .smiles").all_inner_texts()


def wait_for_count(page: Page, text: str) -> None:
    page.wait_for_function("text => document.getElementById('count').textContent === text", arg=text)


def wait_for_first(page: Page, unit: str) -> None:
    page.wait_for_function("unit => document.querySelector('#table tbody a')?.textContent === unit", arg=unit)


def test_it_searches_by_name_pattern_and_similarity(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    page.fill("#text", "polystyrene")
    page.press("#text", "Enter")
    wait_for_count(page, "1 study")
    assert units(page) == ["*CC(*)c1ccccc1"]
    page.select_option("#kind", "smarts")
    page.fill("#text", "c1ccccc1")
    page.press("#text", "Enter")
    wait_for_count(page, "4 studies")
    page.select_option("#kind", "similar_to")
    page.fill("#text", "*CC(*)c1ccccc1")
    page.press("#text", "Enter")
    page.wait_for_selector("#table thead :text('Similarity')")
    wait_for_first(page, "*CC(*)c1ccccc1")
    page.go_back()
    wait_for_count(page, "4 studies")


def test_what_is_no_pattern_is_told_in_a_sentence(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}#/?smarts=c1ccccc")
    page.wait_for_selector("#message:not([hidden])")
    assert "is not a SMARTS pattern" in page.locator("#message").inner_text()
    page.close()


def test_it_filters_and_sorts_and_the_download_is_what_the_database_has(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    page.select_option("[name=property]", "density")
    page.fill("[name=minimum]", "0.9")
    page.fill("[name=maximum]", "1.05")
    page.click("#filter button[type=submit]")
    wait_for_count(page, "8 studies")
    page.click("#table thead button:has-text('density')")
    page.wait_for_selector("th[aria-sort=descending]:has-text('density')")
    wait_for_first(page, WRITTEN[12])
    falling = units(page)
    page.click("#table thead button:has-text('density')")
    page.wait_for_selector("th[aria-sort=ascending]:has-text('density')")
    wait_for_first(page, WRITTEN[5])
    assert units(page) == falling[::-1] == [WRITTEN[number] for number in range(5, 13)]
    page.click("#take summary")
    with page.expect_download() as waiting:
        page.click("#downloads a:has-text('CSV, a row a value')")
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert [row["study_key"] for row in rows] == [key_of(number) for number in range(5, 13)]
    assert [float(row["value"]) for row in rows] == [0.8 + 0.02 * number for number in range(5, 13)]


def test_points_chosen_in_the_plot_are_listed(opened: Callable[..., Page]) -> None:
    page = opened("#/?view=plot&x=density&y=radius_of_gyration")
    page.wait_for_selector("#plot canvas")
    wait_for_count(page, "21 with both")
    page.evaluate(
        """() => {
          const chart = window.echarts.getInstanceByDom(document.getElementById("plot"));
          const [a, b] = [[0.99, 0], [1.05, 2]].map((place) => chart.convertToPixel("grid", place));
          const range = [[a[0], b[0]], [b[1], a[1]]];
          chart.dispatchAction({type: "brush", areas: [{brushType: "rect", range}]});
        }"""
    )
    page.wait_for_selector("#selected tbody tr")
    chosen = page.locator("#selected tbody .smiles").all_inner_texts()
    assert sorted(chosen) == sorted(WRITTEN[number] for number in (10, 11, 12))
    page.click("#selected tbody a >> nth=0")
    page.wait_for_selector("#study h1")


def test_a_study_shows_its_values_with_flags_and_replicates(opened: Callable[..., Page], address: str) -> None:
    page = opened(f"#/study/{key_of(0)}")
    page.wait_for_selector("#study h1")
    text = page.locator("#study").inner_text()
    assert "*CC*" in text
    assert "density" in text
    assert "0.8000 ± 0.0040" in text
    assert "demo quality" in text
    assert page.locator("#study .flag").first.get_attribute("title") not in (None, "demo_quality")
    page.click("text=back to the results")
    wait_for_count(page, "21 studies")


def test_a_polymer_named_with_a_script_stays_text(opened: Callable[..., Page]) -> None:
    """Its drawing cannot be made, which the console says: that alone is allowed."""
    page = opened("#/?columns=density")
    wait_for_count(page, "21 studies")
    assert any("<script>" in one for one in units(page))
    assert page.title() == "polyomics"
    assert page.locator("#table script").count() == 0


def test_it_is_used_without_a_mouse(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#tab-table")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#plot canvas")
    assert page.evaluate("document.activeElement.id") == "tab-plot"
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button")]
          .filter((one) => one.offsetParent && !(one.labels?.length || one.textContent.trim()))
          .map((one) => one.outerHTML)"""
    )
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["#/", "#/?view=plot", f"#/study/{key_of(0)}"])
def test_it_fits_a_phone_and_both_schemes(opened: Callable[..., Page], scheme: str, fragment: str) -> None:
    page = opened(fragment, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.wait_for_selector("#table tbody tr[data-key], #plot canvas, #study h1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(247, 248, 250)"
    assert light is (scheme == "light")
