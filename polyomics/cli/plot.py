"""`polyomics report` and `polyomics plot`: the pictures of one study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson
from polyomics.errors import NoFigure, NoResults, StepFailed, StudyNotFound

if TYPE_CHECKING:
    from polyomics.database import StudyRow

Key = Annotated[str, typer.Argument(metavar="KEY", help="Key of a study, or the beginning of it.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="File to write; else in the run folder.")]


def report(key: Key, out: Out = None, as_json: AsJson = False) -> None:
    """Write one page with everything of a study: values, figures, the cell in 3D, how to reproduce it.

    It is a single HTML file that opens in any browser, without a network.

    Example:  polyomics report 3f2a91 --out polystyrene.html

    JSON keys: key, psmiles, path.
    """
    from polyomics.config import home
    from polyomics.report import write_report

    study = _finished(key)
    path = write_report(study, home(), out or _results_folder(study) / "report.html")
    _answer({"path": str(path)}, study, as_json=as_json)


def plot(
    key: Key,
    property_name: Annotated[
        str | None, typer.Option("--property", help="Instead of the equilibration: the figure of this property.")
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Draw how a study came to equilibrium, or what is behind a value, as an image file.

    The ending of the file says its format: .png, .svg or .pdf.

    Examples:  polyomics plot 3f2a91    polyomics plot 3f2a91 --property density --out density.pdf

    JSON keys: key, psmiles, path, property (null for the equilibration).
    """
    from polyomics.config import home
    from polyomics.properties import PROPERTIES
    from polyomics.report.figures import density_experiment, equilibration_figure, property_figure
    from polyomics.report.recorded import RecordedRun
    from polyomics.report.style import check_ending, save_image

    if out is not None:
        check_ending(out)
    study = _finished(key)
    run = RecordedRun(study, home())
    if property_name is not None and run.measurement(property_name) is None:
        PROPERTIES[property_name]
    try:
        figure = (
            equilibration_figure(run, density_experiment(study))
            if property_name is None
            else property_figure(run, property_name)
        )
    except StepFailed as error:
        raise NoFigure(str(error)) from error
    path = save_image(figure, out or _results_folder(study) / f"{property_name or 'equilibration'}.png")
    _answer({"path": str(path), "property": property_name}, study, as_json=as_json)


def _finished(key: str) -> StudyRow:
    """The study, which must have results."""
    from polyomics.config import database_url
    from polyomics.database import inspect_schema, open_database

    if inspect_schema(database_url()).status in ("missing", "empty"):
        raise StudyNotFound(f"no study has the key {key!r}; there are no results yet")
    with open_database() as store:
        study = store.study(key)
    if study.status != "done" and not study.measurements:
        raise NoResults(
            f"study {study.key[:12]} is {study.status} and has no results to show; 'polyomics show {study.key[:12]}' "
            "says how far it came, and running it again goes on from there"
        )
    return study


def _results_folder(study: StudyRow) -> Path:
    from polyomics.config import below, home

    return below(home(), study.run_folder) / "results"


def _answer(facts: dict[str, Any], study: StudyRow, *, as_json: bool) -> None:
    if as_json:
        from polyomics.cli.render import print_json

        print_json({"key": study.key, "psmiles": study.polymer.psmiles, **facts})
    else:
        typer.echo(facts["path"])
