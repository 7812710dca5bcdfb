"""The simulation cell: everything a bare GPU node needs to run MD, in two files."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyomics.errors import CorruptFile
from polyomics.files import atomic_path, read_arrays
from polyomics.units import density_g_cm3

ARRAYS_FILE = "cell.npz"
SYSTEM_FILE = "system.xml.gz"


@dataclass(frozen=True, eq=False)
class Cell:
    """Whole polymer molecules in a periodic orthorhombic box, with the forces between them.

    The atoms of a molecule are contiguous and whole (bonds never cross the box boundary); molecules
    may lie across it. All molecules have the same topology.
    """

    positions_nm: NDArray[np.float64]
    """Atom positions [nm], shape=(n_atoms, 3)."""
    box_nm: NDArray[np.float64]
    """Edges of the box [nm], shape=(3,)."""
    system_xml: str
    """Serialised OpenMM System: real masses, H-bond constraints, PME, no thermostat, no barostat."""
    atomic_numbers: NDArray[np.int64]
    """Atomic numbers, shape=(n_atoms,)."""
    masses_amu: NDArray[np.float64]
    """Real atomic masses [amu], shape=(n_atoms,)."""
    charges_e: NDArray[np.float64]
    """Partial charges [e], shape=(n_atoms,)."""
    molecule_of_atom: NDArray[np.int64]
    """Index of the molecule, shape=(n_atoms,)."""
    unit_of_atom: NDArray[np.int64]
    """Index of the repeat unit in its chain; -1 and n_units for the end groups, shape=(n_atoms,)."""
    template_atom: NDArray[np.int64]
    """Index of the atom in the repeat unit (or in the end group), shape=(n_atoms,)."""
    bonds: NDArray[np.int64]
    """Pairs of bonded atoms, shape=(n_bonds, 2)."""
    rings: tuple[tuple[int, ...], ...]
    """Atoms of each ring, in ring order."""
    vdw_volume_nm3: float
    """Van der Waals volume of all molecules [nm³] (atom and bond contributions, DOI 10.1021/jo034808o)."""
    molar_refractivity_cm3_mol: float | None = None
    """Molar refraction of all molecules together at the sodium D line [cm³/mol]; none where it is not known."""

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.masses_amu)

    @property
    def n_molecules(self) -> int:
        """Number of molecules."""
        return int(self.molecule_of_atom[-1]) + 1

    @property
    def mass_amu(self) -> float:
        """Total mass [amu]."""
        return float(self.masses_amu.sum())

    @property
    def density_g_cm3(self) -> float:
        """Mass density [g/cm³]."""
        return density_g_cm3(self.mass_amu, float(np.prod(self.box_nm)))

    def save(self, folder: Path) -> list[Path]:
        """Write the cell into `folder`, each file whole or not at all; returns the files."""
        flat = [atom for ring in self.rings for atom in ring]
        sizes = [len(ring) for ring in self.rings]
        with atomic_path(folder / ARRAYS_FILE) as path, path.open("wb") as stream:
            np.savez_compressed(
                stream,
                positions_nm=self.positions_nm,
                box_nm=self.box_nm,
                atomic_numbers=self.atomic_numbers,
                masses_amu=self.masses_amu,
                charges_e=self.charges_e,
                molecule_of_atom=self.molecule_of_atom,
                unit_of_atom=self.unit_of_atom,
                template_atom=self.template_atom,
                bonds=self.bonds,
                ring_atoms=np.array(flat, dtype=np.int64),
                ring_sizes=np.array(sizes, dtype=np.int64),
                vdw_volume_nm3=np.float64(self.vdw_volume_nm3),
                molar_refractivity_cm3_mol=np.float64(
                    np.nan if self.molar_refractivity_cm3_mol is None else self.molar_refractivity_cm3_mol
                ),
            )
        with atomic_path(folder / SYSTEM_FILE) as path:
            path.write_bytes(gzip.compress(self.system_xml.encode(), compresslevel=3, mtime=0))
        return [folder / ARRAYS_FILE, folder / SYSTEM_FILE]

    @classmethod
    def load(cls, folder: Path) -> "Cell":
        """Read a cell written by `save`.

        Raises:
            CorruptFile: A file is missing or damaged.
        """
        values = read_arrays(folder / ARRAYS_FILE)
        try:
            system_xml = gzip.decompress((folder / SYSTEM_FILE).read_bytes()).decode()
        except (OSError, ValueError, EOFError, zlib.error) as error:
            raise CorruptFile(f"{folder / SYSTEM_FILE} cannot be read: {error}") from error
        ends = np.cumsum(values.pop("ring_sizes"))
        ring_atoms = values.pop("ring_atoms")
        rings = tuple(tuple(map(int, ring)) for ring in np.split(ring_atoms, ends) if len(ring))
        volume = float(values.pop("vdw_volume_nm3"))
        refractivity = float(values.pop("molar_refractivity_cm3_mol", np.nan))
        return cls(
            system_xml=system_xml,
            rings=rings,
            vdw_volume_nm3=volume,
            molar_refractivity_cm3_mol=None if np.isnan(refractivity) else refractivity,
            **values,
        )
