"""The cell of a study as input of other programs: AMBER, GROMACS, LAMMPS, OpenMM; with energies to check it by."""

from polyomics.inputs.format import FORMATS
from polyomics.inputs.writing import WrittenInputs, write_inputs

__all__ = ["FORMATS", "WrittenInputs", "write_inputs"]
