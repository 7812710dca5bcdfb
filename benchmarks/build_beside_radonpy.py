"""Time and quality of a parametrised cell beside RadonPy's, the same polymer, one after the other, one core each.

    python benchmarks/build_beside_radonpy.py --radonpy-python VENV/bin/python [--rounds 2]

Needs `pip install radonpy-pypi` in an environment of its own. Both go from p-SMILES to chains with GAFF2
parameters and Gasteiger charges in a box at one density: polyomics grows every chain anew, RadonPy grows one and
copies it, as its own scripts do. Each round runs polyomics, RadonPy, polyomics, each in a fresh process bound to
one core. Times do not count the start of the interpreter and RadonPy's imports; they do count ours.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from polyomics.chemistry.spearing import find_spearings
from polyomics.units import density_g_cm3

STEPS = ("charges", "chain", "types", "cell")
PEER = Path(__file__).with_name("radonpy_builder.py")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")} | {"OPENMM_CPU_THREADS": "1"}


@dataclass(frozen=True)
class Result:
    """One cell, built once."""

    wall_s: dict[str, float]
    cpu_s: dict[str, float]
    versions: dict[str, str]
    n_atoms: int
    density_g_cm3: float
    n_spearings: int
    within_nm: float
    """Smallest distance of two atoms of one chain at least four bonds apart [nm]."""
    between_nm: float
    """Smallest distance of atoms of two chains, or of a chain and its image [nm]."""


def build_ours(folder: Path, psmiles: str, n_units: int, n_chains: int, density: float, seed: int) -> None:
    """Our part, in a process of its own."""
    from radonpy_clock import Clock

    clock = Clock()
    from polyomics.cell.packing import pack
    from polyomics.chemistry.growth import build_chain
    from polyomics.chemistry.repeat_unit import parse_repeat_unit
    from polyomics.forcefield.parameterize import parameterize


def measured(folder: Path, n_chains: int) -> Result:
    ...
