"""The report of a study: one HTML file with everything in it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from polyomics import __version__
from polyomics.errors import NoFigure, NotEnoughData
from polyomics.report import sections
from polyomics.report.figures import (
    density_experiment,
    history_figure,
    internal_distances_figure,
    properties_with_figure,
    property_figure,
)
from polyomics.report.html import Child, Markup, element, joined
from polyomics.report.recorded import RecordedRun
from polyomics.report.scene import scene
from polyomics.report.style import svg
from polyomics.report.text import plain

if TYPE_CHECKING:
    from polyomics.database.rows import StudyRow

HISTORY_CAPTION = (
    "Density, energy, temperature, pressure and the size of the chains through all stages of the protocol. Grey lines "
    "are where a stage begins; very short stages are marked without their names. Pale lines are single rows, strong "
    "ones running means. Shaded is the part of the sampling stage that looks stationary and is averaged over."
)
INTERNAL_DISTANCES_CAPTION = (
    "Mean squared distance between atoms of a main chain, over the number of bonds between them. Chains that cooled "
    "without being stretched or compressed keep the curve of their melt; bands are standard errors between chains."
)


def report_html(study: StudyRow, home: Path) -> str:
    """The page, as text."""
    run = RecordedRun(study, home)
    body = joined(
        sections.heading(run),
        element(
            "main",
            _part(run, "the results", lambda: sections.results(run)),
            _part(run, "what gave no value", lambda: sections.failures(run)),
            _equilibrium(run),
            _cell(run),
            _property_figures(run),
            _part(run, "the steps", lambda: sections.stages(run)),
            _part(run, "how to reproduce it", lambda: sections.reproduction(run)),
            _part(run, "versions", lambda: sections.provenance(run)),
            _notes(run),
        ),
        element("footer", f"Written by polyomics {__version__}. This file needs no network and loads nothing."),
    )
    if 'id="scene"' in body:
        body = joined(body, _licence())
    return _document(f"{study.polymer.psmiles} – polyomics report", body)


def _document(title: str, body: Markup) -> str:
    scripts = [_text("vendor/3Dmol-min.js"), _text("viewer.js")] if 'id="scene"' in body else []
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes or repr('none')}; style-src 'unsafe-inline'; "
        "img-src data: blob:; form-action 'none'; base-uri 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(_text("report.css"))),
    )
    whole = joined(body, [element("script", Markup(script)) for script in scripts])
    return "<!doctype html>\n" + element("html", head, element("body", whole), lang="en") + "\n"


@cache
def _text(name: str) -> str:
    return files("polyomics.report").joinpath(name).read_text(encoding="utf-8")


def _licence() -> Markup:
    """The notice that goes with the code of the 3D viewer."""
    title = element("summary", "3D view: 3Dmol.js 2.5.5, © University of Pittsburgh and contributors, BSD-3-Clause")
    return element("details", title, element("pre", _text("vendor/3Dmol-LICENSE.txt")), class_="note")


def _part(run: RecordedRun, what: str, make: Callable[[], Markup | None]) -> Markup | None:
    return run.attempt(what, make)


def _figure(run: RecordedRun, name: str, title: str, caption: str | None, draw: Callable[[], Figure]) -> Markup | None:
    """A figure with its caption, or a note in the page where it cannot be drawn."""
    try:
        image = Markup(svg(draw(), name, title))
    except (NoFigure, NotEnoughData) as error:
        return element("p", f"{title}: {error}.", class_="note")
    except Exception as error:
        run.notes.append(f"left out: {title} ({type(error).__name__}: {error})")
        return element("p", f"{title} could not be drawn.", class_="note")
    scrolling = element("div", image, class_="scroll", tabindex="0")
    return element("figure", scrolling, element("figcaption", caption) if caption else None)


def _equilibrium(run: RecordedRun) -> Markup:
    density = run.attempt("the experimental density", lambda: density_experiment(run.study))
    return sections.section(
        "Equilibrium",
        "equilibrium",
        sections.criteria_table(run.criteria),
        _figure(run, "history", "Through all stages", HISTORY_CAPTION, lambda: history_figure(run, density)),
        _figure(
            run, "internal-distances", "Internal distances of the chains", INTERNAL_DISTANCES_CAPTION,
            lambda: internal_distances_figure(run),
        ),
    )  # fmt: skip


def _property_figures(run: RecordedRun) -> Markup | None:
    names = run.attempt("the figures of properties", lambda: properties_with_figure(run)) or ()
    figures: list[Child] = []
    for name in names:
        made = _figure(run, f"of-{name}", plain(name), None, lambda name=name: property_figure(run, name))  # type: ignore[misc]
        figures.append(element("div", element("h3", plain(name)), made))
    return sections.section("Behind the values", "figures", element("div", figures, class_="grid")) if figures else None


def _cell(run: RecordedRun) -> Markup:
    shown = run.attempt("the cell in 3D", lambda: _scene(run))
    if shown is None:
        return sections.section("The cell", "cell", element("p", "No frame could be read.", class_="note"))
    return sections.section("The cell", "cell", shown)


def _scene(run: RecordedRun) -> Markup | None:
    sample = run.sample
    chains = run.chains(sample) if sample is not None else None
    if run.cell is None or sample is None or chains is None:
        return None
    made = scene(run.cell, chains.last_positions_nm, chains.last_box_nm)
    data = json.dumps(made, separators=(",", ":")).replace("<", "\\u003c")
    box = " × ".join(f"{edge:.2f}" for edge in chains.last_box_nm)
    part = "" if made["shown"] == made["total"] else f"{made['shown']} of its "
    caption = (
        f"Last frame of stage {sample.name}: {part}{made['total']} molecules, each moved as a whole to where its "
        f"centre lies in the box of {box} nm. Drag to turn, scroll to zoom."
    )
    buttons = [
        element("button", text, type="button", data_does=does)
        for text, does in (("colour by element", "colour"), ("hide hydrogens", "hydrogens"), ("reset view", "reset"))
    ]
    return element(
        "figure",
        element("div", id="viewer", role="img", aria_label="the cell in 3D"),
        element("div", buttons, class_="buttons", id="viewer-buttons"),
        element("figcaption", caption),
        element("script", Markup(data), type="application/json", id="scene"),
    )


def _notes(run: RecordedRun) -> Markup | None:
    if not run.notes:
        return None
    lines = [element("li", note) for note in dict.fromkeys(run.notes)]
    return sections.section("Left out", "notes", element("ul", lines))
