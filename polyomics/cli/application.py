"""All commands, put together."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from polyomics import __version__
from polyomics.cli import (
    catalogue,
    check,
    compare,
    control,
    database,
    doctor,
    explore,
    inputs,
    interchange,
    plot,
    probes,
    publish,
    results,
    run,
    status,
    submit,
    up,
    validate,
    worker,
)

LOOK = "Look at results"
QUEUE = "Many studies, many machines"
RUN = "Run"
MACHINE = "Machine and database"

HELP = """From a polymer's SMILES to properties with error bars, in a database.

Start with:  polyomics run '*CC*'

Results go to POLYOMICS_HOME (runs and caches; ~/polyomics unless set) and POLYOMICS_DATABASE_URL (SQLite in
that folder unless set; or postgresql://USER@HOST/NAME). Every command that prints data takes --json.
Nothing is ever sent anywhere.
"""

COMMANDS: tuple[tuple[str, Callable[..., Any], str], ...] = (
    ("check", check.check, RUN),
    ("run", run.run, RUN),
    ("validate", validate.validate, RUN),
    ("presets", catalogue.presets, RUN),
    ("protocol", catalogue.protocol, RUN),
    ("properties", catalogue.properties, RUN),
    ("probes", probes.probes, RUN),
    ("submit", submit.submit, QUEUE),
    ("status", status.status, QUEUE),
    ("cancel", control.cancel, QUEUE),
    ("retry", control.retry, QUEUE),
    ("priority", control.priority, QUEUE),
    ("logs", control.logs, QUEUE),
    ("worker", worker.worker, QUEUE),
    ("up", up.up, QUEUE),
    ("list", results.list_studies, LOOK),
    ("show", results.show, LOOK),
    ("report", plot.report, LOOK),
    ("plot", plot.plot, LOOK),
    ("query", results.query, LOOK),
    ("export", results.export, LOOK),
    ("import", interchange.import_table, LOOK),
    ("compare", compare.compare, LOOK),
    ("inputs", inputs.inputs, LOOK),
    ("publish", publish.publish, LOOK),
    ("explore", explore.explore, LOOK),
    ("doctor", doctor.doctor, MACHINE),
)


def make_application() -> Any:
    """The command `polyomics` with all its sub-commands."""
    app = typer.Typer(
        name="polyomics",
        help=_unwrapped(HELP),
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_polyomics)
    for name, command, panel in COMMANDS:
        app.command(name, rich_help_panel=panel, help=_unwrapped(command.__doc__))(command)
    app.add_typer(_database_application(), name="db", rich_help_panel=MACHINE)
    return typer.main.get_command(app)


def _database_application() -> typer.Typer:
    app = typer.Typer(rich_markup_mode="rich", help="Look at the tables of the database, or upgrade them.")
    app.callback(invoke_without_command=True)(_help_without_command)
    for name, command in (("status", database.status), ("upgrade", database.upgrade), ("copy", database.copy)):
        app.command(name, help=_unwrapped(command.__doc__))(command)
    return app


def _unwrapped(text: str | None) -> str:
    """A docstring with each paragraph on one line, to be wrapped to the width of the screen."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)


def _polyomics(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"polyomics {__version__}")
        raise typer.Exit(0)
    _help_without_command(context)


def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None and not context.resilient_parsing:
        text = context.get_help()
        if text.strip():
            typer.echo(text)
        raise typer.Exit(0)
