"""GAFF parameter tables: the published file, the estimates of `parmchk2`, and how a term is looked up.

Look-up follows LEaP: exact types in either direction, then the wildcard `X`; a later table goes before an
earlier one. Units as in the files: kcal/mol, Å, degrees.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import permutations
from pathlib import Path
from typing import Any

import parmed
from parmed.amber import AmberParameterSet
from rdkit import Chem

from polyomics.errors import ParametersMissing
from polyomics.forcefield.atom_types import mol2_text
from polyomics.forcefield.tools import ToolError, run_tool

HIGH_PENALTY = 50.0
"""Score of `parmchk2` above which an estimated parameter is flagged. Scores have no unit; equivalent types
(cc for cd) cost below 10, a general term or a close relative 20 to 50, another hybridisation above 80."""

HIGH_PENALTY_FLAG = "high_penalty_parameters"

_TIMEOUT_S = 300.0
_SECTIONS = {"BOND": "bond", "ANGLE": "angle", "DIHE": "dihedral", "IMPROPER": "improper"}
_TYPES_IN = {"bond": 2, "angle": 3, "dihedral": 4, "improper": 4}
_PENALTY = re.compile(r"penalty score=\s*([0-9.]+)")

Types = tuple[str, ...]


@dataclass(frozen=True)
class Estimate:
    """One parameter `parmchk2` derived from others."""

    kind: str
    types: Types
    penalty: float
    missing: bool

    def __str__(self) -> str:
        return f"{self.kind} {'-'.join(self.types)} penalty {self.penalty:g}"


@dataclass(frozen=True, eq=False)
class Tables:
    """Parameter tables, the one that counts most first."""

    layers: tuple[Any, ...]
    """`parmed.amber.AmberParameterSet` objects."""
    estimates: tuple[Estimate, ...] = ()
    aliases: Mapping[str, str] | None = None
    """Types that fall back to another type where a table does not know them."""

    def bond(self, types: Types) -> Any:
        """Bond type of ParmEd.

        Raises:
            ParametersMissing: No table has it.
        """
        return self._find("bond", types, "bond_types")

    def angle(self, types: Types) -> Any:
        """Angle type of ParmEd.

        Raises:
            ParametersMissing: No table has it.
        """
        return self._find("angle", types, "angle_types")

    def dihedral(self, types: Types) -> Any:
        """List of dihedral types of ParmEd, one per Fourier term.

        Raises:
            ParametersMissing: No table has it.
        """
        return self._find("dihedral", types, "dihedral_types")

    def improper(self, centre: str, outer: Types) -> Any | None:
        """Improper type of ParmEd for a centre and its three neighbours; None where it has none."""
        for wildcards in range(4):
            for layer in self.layers:
                for key in _improper_keys(centre, outer, wildcards):
                    if key in layer.improper_periodic_types:
                        return layer.improper_periodic_types[key]
        plain = self._plain((centre, *outer))
        return self.improper(plain[0], plain[1:]) if plain != (centre, *outer) else None

    def atom(self, name: str) -> Any:
        """Atom type of ParmEd, with Lennard-Jones parameters."""
        for candidate in (name, self._plain((name,))[0]):
            for layer in self.layers:
                if candidate in layer.atom_types:
                    return layer.atom_types[candidate]
        raise ParametersMissing(f"the force field has no Lennard-Jones parameters for the type {name}")

    def _plain(self, types: Types) -> Types:
        return tuple((self.aliases or {}).get(name, name) for name in types)

    def _find(self, kind: str, types: Types, table: str) -> Any:
        found = self._lookup(kind, types, table)
        if found is None and self._plain(types) != types:
            found = self._lookup(kind, self._plain(types), table)
        if found is None:
            raise ParametersMissing(
                f"the force field has no parameters for the {kind} {'-'.join(types)} and parmchk2 supplied none; "
                "use another force-field family or another repeat unit"
            )
        return found

    def _lookup(self, kind: str, types: Types, table: str) -> Any | None:
        keys = [types, types[::-1]]
        if kind == "dihedral":
            keys += [("X", *key[1:3], "X") for key in keys]
        for key in keys[:2], keys[2:]:
            for layer in self.layers:
                for candidate in key:
                    if candidate in getattr(layer, table):
                        return getattr(layer, table)[candidate]
        return None


def _improper_keys(centre: str, outer: Types, wildcards: int) -> list[Types]:
    """Ways the term may be written in a table (centre third), with this many `X` in front."""
    keys = []
    for order in permutations(outer):
        key = [order[0], order[1], centre, order[2]]
        key[: min(wildcards, 2)] = ["X"] * min(wildcards, 2)
        if wildcards == 3:
            key[3] = "X"
        keys.append(tuple(key))
    return keys


@cache
def read_tables(path: Path) -> Any:
    """A parameter file (`gaff2.dat`, frcmod) as ParmEd's AmberParameterSet; read once per process."""
    return AmberParameterSet(str(path))


@lru_cache(maxsize=64)
def _estimates_of(text: str, parmchk_set: str) -> tuple[tuple[Estimate, ...], Any]:
    """Estimated parameters of a molecule in mol2 format with types, and their table."""
    with tempfile.TemporaryDirectory(prefix="polyomics-parameters-") as name:
        folder = Path(name)
        (folder / "in.mol2").write_text(text)
        try:
            run_tool(
                "parmchk2",
                ["-i", "in.mol2", "-f", "mol2", "-o", "out.frcmod", "-s", parmchk_set],
                folder=folder,
                timeout_s=_TIMEOUT_S,
            )
            frcmod = (folder / "out.frcmod").read_text()
        except (ToolError, OSError) as error:
            raise ParametersMissing(f"missing parameters could not be estimated: {error}") from error
        return parse_estimates(frcmod), AmberParameterSet(str(folder / "out.frcmod"))


def estimate_missing(mol: Chem.Mol, types: Sequence[str], parmchk_set: str = "2") -> tuple[tuple[Estimate, ...], Any]:
    """What `parmchk2` adds for a kekulised molecule: estimates with penalties, and the table.

    Args:
        mol: The molecule.
        types: Type of every atom.
        parmchk_set: "1" for GAFF, "2" for GAFF2.

    Raises:
        ParametersMissing: The program failed, or has no estimate for a term (the message names it).
        ToolMissing: `parmchk2` was not found.
    """
    estimates, table = _estimates_of(mol2_text(mol, types), parmchk_set)
    refuse_missing(estimates)
    return estimates, table


def refuse_missing(estimates: Sequence[Estimate]) -> None:
    """Raise ParametersMissing if a term has no estimate."""
    missing = [estimate for estimate in estimates if estimate.missing]
    if missing:
        names = ", ".join(f"{item.kind} {'-'.join(item.types)}" for item in missing)
        raise ParametersMissing(
            f"the force field has no parameters for {names}, and parmchk2 has no estimate either; "
            "use another force-field family or another repeat unit"
        )


def parse_estimates(frcmod: str) -> tuple[Estimate, ...]:
    """Estimates of a frcmod file written by `parmchk2`, sorted by kind and types, one for each term."""
    worst: dict[tuple[str, Types], Estimate] = {}
    kind = None
    for line in frcmod.splitlines()[1:]:
        word = line.strip()
        if word in _SECTIONS or word in ("MASS", "NONBON"):
            kind = _SECTIONS.get(word)
            continue
        if kind is None or not word:
            continue
        width = 3 * _TYPES_IN[kind] - 1
        types = tuple(part.strip() for part in line[:width].split("-"))
        penalty = max((float(score) for score in _PENALTY.findall(line)), default=0.0)
        entry = Estimate(kind, types, penalty, "ATTN" in line)
        if (kind, types) not in worst or worst[kind, types].penalty < penalty:
            worst[kind, types] = entry
    return tuple(sorted(worst.values(), key=lambda item: (item.kind, item.types)))


def parmed_version() -> str:
    """Version of ParmEd, for provenance."""
    return f"parmed {parmed.__version__}"
