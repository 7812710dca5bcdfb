"""All commands, put together."""

from typing import Annotated, Any

import typer

from polyomics import __version__
from polyomics.cli import catalogue, check, database, doctor, results, run

LOOK = "Look at results"
RUN = "Run"
MACHINE = "Machine and database"

HELP = """From a polymer's SMILES to properties with error bars, in a database.

Start with:  polyomics check '*CC(*)c1ccccc1'   then   polyomics run '*CC(*)c1ccccc1'

Results go to POLYOMICS_HOME (runs and caches; ~/polyomics unless set) and POLYOMICS_DATABASE_URL (SQLite in
that folder unless set; or postgresql://USER@HOST/NAME). Every command that prints data takes --json.
Nothing is ever sent anywhere.
"""


def make_application() -> Any:
    """The command `polyomics` with all its sub-commands."""
    app = typer.Typer(
        name="polyomics",
        help=HELP,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_polyomics)
    app.command("check", rich_help_panel=RUN)(check.check)
    app.command("run", rich_help_panel=RUN)(run.run)
    app.command("presets", rich_help_panel=RUN)(catalogue.presets)
    app.command("protocol", rich_help_panel=RUN)(catalogue.protocol)
    app.command("properties", rich_help_panel=RUN)(catalogue.properties)
    app.command("list", rich_help_panel=LOOK)(results.list_studies)
    app.command("show", rich_help_panel=LOOK)(results.show)
    app.command("query", rich_help_panel=LOOK)(results.query)
    app.command("export", rich_help_panel=LOOK)(results.export)
    app.command("doctor", rich_help_panel=MACHINE)(doctor.doctor)
    app.add_typer(_database_application(), name="db", rich_help_panel=MACHINE)
    return typer.main.get_command(app)


def _database_application() -> typer.Typer:
    app = typer.Typer(rich_markup_mode="rich", help="Look at the tables of the database, or upgrade them.")
    app.callback(invoke_without_command=True)(_help_without_command)
    app.command("status")(database.status)
    app.command("upgrade")(database.upgrade)
    return app


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


_polyomics.__doc__ = HELP
_help_without_command.__doc__ = "Look at the tables of the database, or upgrade them."
