"""`polyomics inputs`: the cell of a study for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyomics.cli.check import AsJson
from polyomics.errors import FileNotThere, StudyNotFound

if TYPE_CHECKING:
    from polyomics.inputs import WrittenInputs

DIFFERS = 1


def inputs(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of a study, or the beginning of it.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; must be new or empty.")],
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="NAME", help="amber, gromacs, lammps or openmm; all by default.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option("--stage", metavar="NAME", help="Stage whose end is written; else the sample.")
    ] = None,
    with_check: Annotated[
        bool, typer.Option("--check", help="Compute the energies with the programs that are here, and compare.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the cell of a study for AMBER, GROMACS, LAMMPS and OpenMM.

    Each gets topology, coordinates, velocities and an input that goes on with the same cut-offs, time step,
    temperature and pressure. energies.json has the energy term by term. With --check the exit code is 1 where a
    program finds another energy.

    Example:  polyomics inputs 3f2a91 polystyrene --to gromacs --check

    JSON keys: folder, formats, key, psmiles, stage, n_atoms, box_nm, cutoff_nm, running, notes, program,
    energies_kj_mol, checks.
    """
    from polyomics.inputs import write_inputs

    written = write_inputs(_run_folder(key), folder, to or (), stage=stage, with_check=with_check)
    if as_json:
        from polyomics.cli.render import print_json

        print_json({"folder": str(folder), "formats": list(written.formats), **written.plain()})
    else:
        _print(written)
    if any(one.verdict in ("differs", "failed") for one in written.checks):
        raise typer.Exit(DIFFERS)


def _run_folder(key: str) -> Path:
    from polyomics.config import below, database_url, home
    from polyomics.database import inspect_schema, open_database

    if inspect_schema(database_url()).status in ("missing", "empty"):
        raise StudyNotFound(f"no study has the key {key!r}; there are no results yet")
    with open_database() as store:
        study = store.study(key)
    if study.source:
        raise FileNotThere(f"study {study.key[:12]} was imported from {study.source}, so there is no cell of it")
    return below(home(), study.run_folder)


def _print(written: WrittenInputs) -> None:
    typer.echo(str(written.folder))
    for one in written.checks:
        typer.echo("")
        if not one.terms:
            typer.echo(f"{one.format}: {one.program} {one.trouble or 'is not on this machine'}")
            continue
        typer.echo(f"{one.format}: {one.program} {one.verdict}")
        if one.note:
            typer.echo(f"  {one.note}")
        typer.echo(f"  {'term':<19}{'here':>16}{'there':>16}{'difference':>14}  kJ/mol")
        for term in one.terms:
            typer.echo(
                f"  {term.name:<19}{term.ours_kj_mol:16.4f}{term.theirs_kj_mol:16.4f}{term.difference_kj_mol:14.5f}"
                f"{_relative(term.relative)}{'' if term.agrees else '  differs'}"
            )


def _relative(value: Any) -> str:
    return "" if value is None else f"  ({value:+.1e})"
