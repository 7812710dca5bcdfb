"""`polyomics publish`: a data set that others can cite."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyomics.cli.check import AsJson
from polyomics.cli.results import (
    Equilibrated,
    OfCampaign,
    PolymerClass,
    PresetName,
    Smarts,
    Source,
    Unflagged,
    WithoutFlag,
)


def publish(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    title: Annotated[str, typer.Option("--title", help="What the data set is called.")],
    licence: Annotated[str, typer.Option("--licence", "--license", help="SPDX identifier, such as CC-BY-4.0.")],
    author: Annotated[list[str], typer.Option("--author", help="Who is to be cited; may be repeated.")],
    description: Annotated[str, typer.Option("--description", help="What it is, in a few sentences.")] = "",
    condition: Annotated[str | None, typer.Option("--where", help="Condition on the studies, as of 'query'.")] = None,
    preset: PresetName = None,
    without_flag: WithoutFlag = None,
    of_class: PolymerClass = None,
    smarts: Smarts = None,
    source: Source = None,
    campaign: OfCampaign = None,
    equilibrated: Equilibrated = False,
    unflagged: Unflagged = False,
    as_json: AsJson = False,
) -> None:
    """Write results as a data set: Parquet files, a data card, metadata for machines, checksums.

    The folder appears when it is complete. The same database and version of polyomics give the same bytes.

    Example:  polyomics publish esters --title 'Polyesters' --licence CC-BY-4.0 --author 'A. Chemist' --class polyester

    JSON keys: folder, files, polymers, studies, values, unflagged, with_error, equilibrated, failures.
    """
    from pydantic import ValidationError

    from polyomics.cli.render import print_json
    from polyomics.database import open_database
    from polyomics.database.selection import select_results
    from polyomics.errors import InvalidSettings
    from polyomics.publication import About
    from polyomics.publication import publish as write

    try:
        about = About(title=title, licence=licence, authors=tuple(author), description=description)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidSettings(f"{first['loc'][0]}: {first['msg']}") from error
    selection = select_results(
        where=condition,
        preset=preset,
        without_flags=tuple(without_flag or ()),
        polymer_class=of_class,
        smarts=smarts,
        source=source,
        campaign=campaign,
        equilibrated=equilibrated,
        unflagged=unflagged,
    )
    with open_database() as store:
        done = write(store, folder, about, selection)
    counts = done.counts
    if as_json:
        print_json(
            {
                "folder": str(done.folder),
                "files": list(done.files),
                "polymers": counts.polymers,
                "studies": counts.studies,
                "values": counts.values,
                "unflagged": counts.unflagged,
                "with_error": counts.with_error,
                "equilibrated": counts.equilibrated,
                "failures": dict(counts.failures),
            }
        )
        return
    typer.echo(
        f"{counts.polymers:,} polymers, {counts.studies:,} studies, {counts.values:,} values in {done.folder}: "
        f"{', '.join(done.files)}"
    )
