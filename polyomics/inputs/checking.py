"""Energies of another program beside ours, term by term."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyomics.inputs.format import Reading

TAIL_TOLERANCE = 2e-2
"""Of the tail, in which programs count pairs differently: all N², or each once, with or without the r⁻¹² part."""
ABSOLUTE_KJ_MOL_PER_ATOM = 1e-5
"""Difference that always is allowed: programs round what they print."""


@dataclass(frozen=True)
class TermDifference:
    """One term in two programs."""

    name: str
    ours_kj_mol: float
    theirs_kj_mol: float
    allowed_kj_mol: float
    known_kj_mol: float = 0.0
    """Part of the difference that is known to come from the program, not from the files."""

    @property
    def difference_kj_mol(self) -> float:
        """Theirs less ours."""
        return self.theirs_kj_mol - self.ours_kj_mol

    @property
    def relative(self) -> float | None:
        """Difference over ours; none where ours is zero."""
        return self.difference_kj_mol / abs(self.ours_kj_mol) if self.ours_kj_mol else None

    @property
    def agrees(self) -> bool:
        """Whether the difference, less what is known of it, is allowed."""
        return abs(self.difference_kj_mol - self.known_kj_mol) <= self.allowed_kj_mol


@dataclass(frozen=True)
class Check:
    """How the files of one format did in one program."""

    format: str
    program: str
    terms: tuple[TermDifference, ...]
    """Empty where the program is not on this machine, or failed."""
    trouble: str = ""
    """What the program said, where it failed."""
    note: str = ""
    """Why a term is known to be another."""

    @property
    def verdict(self) -> str:
        """agrees, differs, failed or not_checked (the program is not on this machine)."""
        if not self.terms:
            return "failed" if self.trouble else "not_checked"
        return "agrees" if all(term.agrees for term in self.terms) else "differs"

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "format": self.format,
            "program": self.program,
            "verdict": self.verdict,
            "trouble": self.trouble,
            "note": self.note,
            "terms": {
                term.name: {
                    "ours_kj_mol": term.ours_kj_mol,
                    "theirs_kj_mol": term.theirs_kj_mol,
                    "difference_kj_mol": term.difference_kj_mol,
                    "relative": term.relative,
                    "allowed_kj_mol": term.allowed_kj_mol,
                    "known_kj_mol": term.known_kj_mol,
                }
                for term in self.terms
            },
        }


def check(format_name: str, ours_kj_mol: Mapping[str, float], reading: Reading, n_atoms: int) -> Check:
    """Hold the energies of a program against ours."""
    theirs = reading.terms_kj_mol
    terms = tuple(
        TermDifference(
            name,
            value,
            theirs[name],
            abs(value) * (TAIL_TOLERANCE if name == "lennard_jones_tail" else reading.relative_tolerance)
            + ABSOLUTE_KJ_MOL_PER_ATOM * n_atoms,
            reading.known_kj_mol.get(name, 0.0),
        )
        for name, value in ours_kj_mol.items()
        if theirs is not None
    )
    return Check(format_name, reading.program, terms, note=reading.note)
