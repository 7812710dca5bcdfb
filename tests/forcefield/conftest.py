"""Chains and a second engine for the force-field tests."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import parmed
import pytest

from polyomics.chemistry import Chain, build_chain, parse_repeat_unit
from polyomics.forcefield.tools import require_tool

SanderTerms = dict[str, float]


@pytest.fixture(scope="session")
def make_chain() -> Callable[..., Chain]:
    """Chain of a p-SMILES and a number of units; the same arguments give the same object."""
    made: dict[tuple, Chain] = {}

    def make(psmiles: str, n_units: int, **options: object) -> Chain:
        key = (psmiles, n_units, *sorted(options.items()))
        if key not in made:
            made[key] = build_chain(parse_repeat_unit(psmiles), n_units, **options)
        return made[key]

    return make


@pytest.fixture
def sander(tmp_path: Path) -> Callable[..., SanderTerms]:
    """Energy terms [kcal/mol] of one point by AMBER's own engine, for a ParmEd structure with positions.

    `extra` goes into the &cntrl group; with a box, `ewald` is the content of the &ewald group.
    """

    def energies(structure: parmed.Structure, *, cutoff_angstrom: float, ewald: str | None = None) -> SanderTerms:
        parm = parmed.amber.AmberParm.from_structure(structure, copy=True)
        parm.save(str(tmp_path / "x.prmtop"), overwrite=True)
        restart = parmed.amber.AmberAsciiRestart(
            str(tmp_path / "x.rst7"), "w", natom=len(structure.atoms), hasbox=ewald is not None
        )
        restart.coordinates = structure.coordinates
        if ewald is not None:
            restart.box = structure.box
        restart.close()
        boundary = "ntb=0, igb=0," if ewald is None else "ntb=1,"
        control = f"x\n&cntrl imin=1, maxcyc=1, ntpr=1, ntc=1, ntf=1, cut={cutoff_angstrom}, {boundary} /\n"
        if ewald is not None:
            control += f"&ewald {ewald} /\n"
        (tmp_path / "x.in").write_text(control)
        command = [str(require_tool("sander")), "-O", "-i", "x.in", "-o", "x.out", "-p", "x.prmtop", "-c", "x.rst7"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
        text = (tmp_path / "x.out").read_text()
        first = text[text.index("4.  RESULTS") :].split("EAMBER")[0].split("NSTEP")[1]
        return {
            name.strip(): float(value) for name, value in re.findall(r"([A-Z1][A-Z0-9 -]*?)\s*=\s*(-?\d+\.\d+)", first)
        }

    return energies


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without AmberTools."""
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("AMBERHOME", raising=False)


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded random numbers."""
    return np.random.default_rng(5)
