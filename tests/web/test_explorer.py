"""The page of `polyomics explore` in a real browser, on a real server."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from made_results import REPORT, UNITS, add_report, add_study, key_of, url_of
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, sync_playwright

from polyomics.chemistry import parse_repeat_unit
from polyomics.database import Polymer, Store
from polyomics.database.selection import query

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
PATIENCE_S = 60.0
SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
WRITTEN = [parse_repeat_unit(unit).psmiles for unit in UNITS]
STYRENE = WRITTEN[2]
PHONE = {"width": 390, "height": 844}
VIEWS = {
    "#/": "#table tbody tr[data-key]",
    "#/?view=plot": "#plot canvas",
    f"#/study/{key_of(0)}": "#page h1",
    f"#/polymer/{parse_repeat_unit('*CC*').key}": "#page h2:text('Values side by side')",
}

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies of 19 polymers, a replicate of the second, and one of a polymer named with a script, as no import would
    name it."""
    home = tmp_path_factory.mktemp("explored")
    with Store.open(url_of(home)) as store:
        for number in range(len(UNITS)):
            add_study(store, number)
        add_study(store, 1, replicate=1)
        evil = Polymer(key="evil", psmiles=SCRIPT, formula="C2", molar_mass_g_mol=24.0)
        add_study(store, 3, replicate=7, polymer=evil)
        add_report(store, home, key_of(0), REPORT)
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """Address of a running server."""
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


@pytest.fixture(scope="module")
def window(browser: Browser) -> BrowserContext:
    """A window whose pages share what was fetched."""
    return browser.new_context(viewport={"width": 1280, "height": 900})


def is_trouble(message: ConsoleMessage) -> bool:
    """Whether the page complains of something but the drawing of the one polymer that has none, or a key that is of a
    polymer and so of no study."""
    return message.type == "error" and not re.search("status of 4(22|04)", message.text)


@pytest.fixture
def opened(browser: Browser, window: BrowserContext, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page; what it complains of, or asks of another host, fails the test."""
    troubles: list[str] = []
    pages: list[Page] = []

    def visit(fragment: str = "#/", **options: object) -> Page:
        page = browser.new_page(**options) if options else window.new_page()  # type: ignore[arg-type]
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text) if is_trouble(message) else None)
        page.on(
            "request", lambda asked: None if asked.url.startswith((address, "data:")) else troubles.append(asked.url)
        )
        page.goto(address + fragment, wait_until="commit")
        pages.append(page)
        return page

    yield visit
    for page in pages:
        page.close()
    assert troubles == []


def units(page: Page) -> list[str]:
    """Repeat units in the table, once it is there."""
    page.wait_for_selector("#table:not([aria-busy]) tbody tr[data-key]")
    return page.locator("#table tbody .unit-text").all_inner_texts()


def wait_for_count(page: Page, text: str) -> None:
    page.wait_for_function("text => document.getElementById('count').textContent === text", arg=text)


def wait_for_first(page: Page, unit: str) -> None:
    page.wait_for_function("unit => document.querySelector('#table tbody .unit-text')?.textContent === unit", arg=unit)


def test_it_searches_by_name_pattern_and_similarity(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    page.fill("#text", "polystyrene")
    page.press("#text", "Enter")
    wait_for_count(page, "1 study")
    assert units(page) == [STYRENE]
    page.select_option("#kind", "smarts")
    page.fill("#text", "c1ccccc1")
    page.press("#text", "Enter")
    wait_for_count(page, "4 studies")
    page.select_option("#kind", "similar_to")
    page.fill("#text", STYRENE)
    page.press("#text", "Enter")
    page.wait_for_selector("#table thead :text('Similarity')")
    wait_for_first(page, STYRENE)
    page.go_back()
    wait_for_count(page, "4 studies")


def test_what_is_typed_is_understood(opened: Callable[..., Page]) -> None:
    """An abbreviation, patterns, a class, its code, a repeat unit written another way round."""
    page = opened()
    wait_for_count(page, "21 studies")
    for text, found in (
        ("PS", "1 study"),
        ("c1ccccc1", "4 studies"),  # might be a key, too
        ("*C(c1ccccc1)C*", "1 study"),
        ("C(=O)O", "6 studies"),
        ("C(=O)N", "1 study"),
        ("PEST", "2 studies"),
        ("polyamide", "1 study"),
    ):
        page.select_option("#kind", "polymer")
        page.fill("#text", text)
        page.press("#text", "Enter")
        wait_for_count(page, found)


def test_a_suggestion_is_taken_with_the_keyboard(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    page.keyboard.press("/")
    page.keyboard.type("methyl meth")
    page.wait_for_selector("#suggestions [role=option]")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#text", "aria-activedescendant") == "suggestion-0"
    page.keyboard.press("Enter")
    wait_for_count(page, "1 study")
    assert units(page) == [WRITTEN[9]]
    assert page.locator("#suggestions").is_hidden()


def test_a_key_opens_its_study_or_its_polymer(opened: Callable[..., Page]) -> None:
    page = opened()
    for key, heading in ((key_of(0), "2 values"), (parse_repeat_unit(UNITS[0]).key, "Values side by side")):
        page.wait_for_selector("#facts:not(:empty)")
        page.fill("#text", key)
        page.press("#text", "Enter")
        page.wait_for_selector(f"#page h2:text('{heading}')")


def test_what_fails_is_told_in_a_sentence_and_leaves_no_rows(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    wait_for_count(page, "21 studies")
    page.select_option("#kind", "smarts")
    page.fill("#text", "c1ccccc")
    page.press("#text", "Enter")
    page.wait_for_selector("#message:not([hidden])")
    assert "is not a SMARTS pattern" in page.inner_text("#message")
    assert page.locator("#table tbody tr").count() == 0
    assert page.inner_text("#count") == ""
    page.click("#message button")
    assert page.locator("#message").is_hidden()
    page.goto(f"{address}#/study/{'0' * 40}")
    page.wait_for_selector("#message:not([hidden])")
    assert "000000" in page.inner_text("#message")
    page.click("text=← all results")
    wait_for_count(page, "21 studies")
    page.fill("#text", "polywhatever")
    page.press("#text", "Enter")
    wait_for_count(page, "0 studies")
    assert "Nothing is called “polywhatever”" in page.inner_text("#table tbody")
    page.close()


def test_a_drawing_is_searched_for(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    page.click("#draw")
    page.click("#starters button:text('phenylene')")
    page.wait_for_selector("#written:text('*')")
    assert parse_repeat_unit(page.inner_text("#written")).key == parse_repeat_unit("*c1ccc(*)cc1").key
    page.click("#drawing button:text('Find this polymer')")
    wait_for_count(page, "1 study")
    assert units(page) == [WRITTEN[13]]
    page.click("#draw")
    page.click("#starters button:text('ester')")
    page.click("#drawing button:text('Find what contains it')")
    wait_for_count(page, "3 studies")
    assert set(units(page)) == {WRITTEN[3], WRITTEN[9], WRITTEN[17]}
    page.click("#draw")
    page.wait_for_selector("#drawing[open]")
    page.keyboard.press("Escape")
    assert page.locator("#drawing").is_hidden()
    assert page.evaluate("document.activeElement.id") == "draw"


def test_a_bond_is_drawn_and_its_end_made_the_end_of_the_chain(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    page.click("#draw")
    page.click("#starters button:text('empty')")
    assert page.locator("#drawing button:text('Find this polymer')").is_disabled()
    box = page.locator("#editor").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*middle)
    page.wait_for_function("() => document.getElementById('written').textContent === 'CC'")
    page.mouse.move(*middle)
    page.keyboard.press("?")
    page.wait_for_function("() => ['*C', 'C*'].includes(document.getElementById('written').textContent)")


def test_it_filters_and_sorts_and_the_download_is_what_the_database_has(
    opened: Callable[..., Page], home: Path
) -> None:
    page = opened("#/?columns=density")
    wait_for_count(page, "21 studies")
    page.select_option("[name=property]", "density")
    page.fill("[name=minimum]", "0.9")
    page.fill("[name=maximum]", "1.05")
    page.press("[name=maximum]", "Enter")
    wait_for_count(page, "8 studies")
    page.click("#table thead button:has-text('density')")
    page.wait_for_selector("th[aria-sort=descending]:has-text('density')")
    wait_for_first(page, WRITTEN[12])
    falling = units(page)
    page.click("#table thead button:has-text('density')")
    page.wait_for_selector("th[aria-sort=ascending]:has-text('density')")
    wait_for_first(page, WRITTEN[5])
    assert units(page) == falling[::-1] == [WRITTEN[number] for number in range(5, 13)]
    with Store.open(url_of(home)) as store:
        stored = {row.study_key: row for row in query(store, property="density", minimum=0.9, maximum=1.05)}
    page.click("#take summary")
    with page.expect_download() as waiting:
        page.click("#downloads a[aria-label^='CSV: All values']")
    long = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert {row["study_key"]: (float(row["value"]), float(row["stderr"])) for row in long} == {
        key: (row.value, row.stderr) for key, row in stored.items()
    }
    with page.expect_download() as waiting:
        page.click("#downloads a[aria-label^='CSV: As shown']")
    wide = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert {row["study_key"]: float(row["density_g_cm3"]) for row in wide} == {
        key: row.value for key, row in stored.items()
    }
    assert not [name for name in wide[0] if name.startswith("radius_of_gyration")]
    page.keyboard.press("Escape")
    assert page.get_attribute("#take", "open") is None


def test_filters_are_said_and_left_out_one_by_one(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    page.select_option("[name=class]", "polyester")
    wait_for_count(page, "2 studies")
    page.check("[name=unflagged]")
    page.wait_for_selector("#chips li:nth-child(2)")
    page.fill("[name=where]", "density > 1.1")
    page.press("[name=where]", "Enter")
    wait_for_count(page, "1 study")
    assert [text.split("\n")[0] for text in page.locator("#chips li").all_inner_texts()] == [
        "polyester",
        "density > 1.1",
        "without any flag",
    ]
    page.reload()
    wait_for_count(page, "1 study")
    page.select_option("[name=property]", "density")
    page.fill("[name=minimum]", "1")
    page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
    assert page.input_value("[name=minimum]") == "1"  # what is being typed stays
    page.fill("[name=minimum]", "")
    page.click("#chips button:has-text('density > 1.1')")
    page.wait_for_selector("#chips li:nth-child(2)")
    page.click("#filter button[type=reset]")
    wait_for_count(page, "21 studies")
    assert page.locator("#chips li").count() == 0


def test_chosen_columns_are_in_the_address(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    page.click("#chooser summary")
    page.fill("#find-column", "gyration")
    boxes = "#columns label:not([hidden]) input"
    assert page.locator(boxes).count() == 1
    page.click(boxes)
    page.wait_for_selector("#table thead :text('Radius of gyration')", state="detached")
    page.click(boxes)
    page.wait_for_selector("#table thead :text('Radius of gyration')")
    assert "radius_of_gyration" in page.url
    page.reload()
    page.wait_for_selector("#table thead :text('Radius of gyration')")


def test_heads_stay_while_rows_scroll(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 700})
        moved, head, box = page.evaluate(
            """() => {
              const box = document.querySelector("#table-view .scroll");
              box.scrollTo(0, 400);
              const top = (element) => element.getBoundingClientRect().top;
              return [box.scrollTop, top(document.querySelector("#table thead th")), top(box)];
            }"""
        )
        assert moved == 400
        assert 0 <= head - box <= 2


def test_a_flag_says_what_it_means(opened: Callable[..., Page]) -> None:
    page = opened(f"#/?polymer={quote(STYRENE)}&columns=density")
    page.focus("#table button.mark")
    assert "demo quality" in page.inner_text("#tip")
    assert "not to publish" in page.inner_text("#tip")
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_points_chosen_in_the_plot_are_listed_and_listed_ones_shown(opened: Callable[..., Page]) -> None:
    page = opened("#/?view=plot&x=density&y=radius_of_gyration")
    page.wait_for_selector("#plot canvas")
    wait_for_count(page, "21 studies with both")
    inside = """(place) => {
      const plot = document.getElementById("plot"), box = plot.getBoundingClientRect();
      const [x, y] = window.echarts.getInstanceByDom(plot).convertToPixel("grid", place);
      return [box.left + x, box.top + y];
    }"""
    page.click("[data-tool=rect]")
    start, end = (page.evaluate(inside, place) for place in ([0.99, 0.95], [1.05, 1.06]))
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.move(*end, steps=4)
    page.mouse.up()
    page.wait_for_selector("#selected tbody tr")
    chosen = page.locator("#selected tbody .unit-text").all_inner_texts()
    assert sorted(chosen) == sorted(WRITTEN[number] for number in (10, 11, 12))
    page.evaluate(
        """() => {
          window.shown = [];
          const chart = window.echarts.getInstanceByDom(document.getElementById("plot"));
          chart.on("highlight", (event) => window.shown.push(event));
        }"""
    )
    page.hover("#selected tbody tr >> nth=1")
    page.wait_for_function("() => window.shown.length > 0")
    page.click("#selected tbody tr >> nth=1")
    page.wait_for_selector("#page h1")
    page.go_back()
    page.wait_for_selector("#plot canvas")
    page.wait_for_timeout(300)
    place = page.evaluate(inside, [0.8, 0.9])
    page.mouse.move(*place)
    page.wait_for_selector("#tip .unit-text:text('*CC*')")
    page.mouse.click(*place)
    page.wait_for_selector("#page h1")
    assert key_of(0) in page.url


def test_classes_differ_in_the_plot_and_its_axes_are_in_the_address(opened: Callable[..., Page]) -> None:
    page = opened("#/?view=plot&x=density&y=radius_of_gyration")
    page.wait_for_selector("#plot canvas")
    looks = page.evaluate(
        """() => {
          const chart = window.echarts.getInstanceByDom(document.getElementById("plot"));
          chart.trigger("brushSelected", { batch: [] });
          const drawn = chart.getOption().series.filter((one) => one.type === "scatter");
          return drawn.map((one) => [one.name, one.itemStyle.color]);
        }"""
    )
    assert len(looks) == len({colour for _, colour in looks}) == 8
    assert looks[-1][0] == "other classes"
    page.check("#xlog")
    page.wait_for_function("() => location.hash.includes('xlog=1')")
    page.click("#swap")
    page.wait_for_function("() => document.getElementById('x').value === 'radius_of_gyration'")
    assert page.is_checked("#ylog")
    with page.expect_download() as waiting:
        page.wait_for_selector("#plot canvas")
        page.click("[data-does=save]")
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")


def test_a_study_shows_its_values_flags_failures_and_report(opened: Callable[..., Page]) -> None:
    page = opened(f"#/study/{key_of(0)}")
    page.wait_for_selector("#page h1")
    text = page.locator("#page").inner_text()
    for said in ("Polyethylene", "*CC*", "density", "0.8000 ± 0.0040", "Every value here carries", "demo quality"):
        assert said in text
    for said in ("not to publish", "it hardly moves", "not in equilibrium", "openmm"):
        assert said in text
    assert "0.855" in text  # experiment
    page.click("button:text('Show it here')")
    frame = page.frame_locator("iframe")
    frame.locator("html").wait_for(state="attached")
    page.wait_for_timeout(200)
    assert page.title() == "polyethylene – polyomics"  # not what the script in the report would make of it
    page.click("text=← Results")
    wait_for_count(page, "21 studies")


def test_a_polymer_shows_replicates_together_beside_experiment(opened: Callable[..., Page]) -> None:
    page = opened(f"#/study/{key_of(1, 1)}")
    page.click("text=All of this polymer, beside experiment")
    page.wait_for_selector("h2:text('Values side by side')")
    row = page.locator("#page .values tr:has(th:text-is('density'))").inner_text()
    assert "2 replicates" in row
    assert "0.8200" in row
    page.click("text=Its studies in the table")
    wait_for_count(page, "2 studies")


def test_a_polymer_named_with_a_script_stays_text(opened: Callable[..., Page]) -> None:
    """Its drawing cannot be made, which the console says: that alone is allowed."""
    page = opened("#/?columns=density")
    wait_for_count(page, "21 studies")
    assert SCRIPT in units(page)
    assert page.title() == "polyomics"
    page.click(f"tr[data-key='{key_of(3, 7)}'] a")
    page.wait_for_selector("#page h1")
    assert page.inner_text("#page h1") == SCRIPT
    page.goto(page.url.split("#")[0] + f"#/?polymer={quote(SCRIPT)}&class={quote(SCRIPT)}")
    page.wait_for_selector("#chips li")
    page.fill("#text", SCRIPT)
    page.press("#text", "Enter")
    page.wait_for_timeout(200)
    assert page.locator("#app script, main script, header script, aside script").count() == 0
    assert "taken" not in page.title()


def test_it_is_used_without_a_mouse(opened: Callable[..., Page]) -> None:
    page = opened()
    wait_for_count(page, "21 studies")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#table thead button >> nth=1")
    for direction in ("descending", "ascending"):
        page.keyboard.press("Enter")
        page.wait_for_selector(f"th[aria-sort={direction}] button:focus")
    page.focus("a.skip")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert "sort=" in page.url
    page.focus("#tab-table")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#plot canvas")
    assert page.evaluate("document.activeElement.id") == "tab-plot"
    page.focus("[data-does=list]")
    page.keyboard.press("Enter")
    page.focus("#selected tbody a >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector("#page h1")
    assert page.evaluate("document.activeElement.id") == "main"


def test_an_answer_that_comes_late_leaves_another_view_alone(opened: Callable[..., Page]) -> None:
    page = opened("#/?view=plot&x=density&y=radius_of_gyration")
    wait_for_count(page, "21 studies with both")
    held: list[Route] = []
    page.route(f"**/studies/{key_of(0)}", lambda route: held.append(route))
    with page.expect_request(f"**/studies/{key_of(0)}"):
        page.evaluate(f"location.hash = '#/study/{key_of(0)}'")
    page.evaluate("location.hash = '#/?class=polyester'")
    wait_for_count(page, "2 studies")
    for route in held:
        route.continue_()
    page.wait_for_timeout(500)
    assert page.title() == "polyomics"
    assert page.locator("#page").is_hidden()
    assert len(units(page)) == 2


def test_every_view_fits_a_phone_and_names_what_can_be_used(opened: Callable[..., Page]) -> None:
    page = opened(viewport=PHONE)
    for fragment, content in VIEWS.items():
        page.goto(page.url.split("#")[0] + fragment)
        page.wait_for_selector(content)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], fragment
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("input, select, button, a, iframe, img:not([alt])")]
              .filter((one) => one.offsetParent)
              .filter((one) => !(one.labels?.length || one.textContent.trim() || one.ariaLabel || one.title))
              .map((one) => one.outerHTML)"""
        )
        assert unnamed == [], fragment
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        ground, ink = (
            sum(json.loads(f"[{page.evaluate(f'getComputedStyle(document.body).{name}')[4:-1]}]"))
            for name in ("backgroundColor", "color")
        )
        assert (ground > ink) is (scheme == "light")


def test_menus_and_the_drawing_fit_a_phone(opened: Callable[..., Page]) -> None:
    page = opened(viewport=PHONE)
    wait_for_count(page, "21 studies")
    for button in ("#filters summary", "#chooser summary", "#take summary", "#draw"):
        page.click(button)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], button
        if button == "#take summary":
            page.keyboard.press("Escape")
    page.wait_for_selector("#starters button")
    box = page.locator("#drawing").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
