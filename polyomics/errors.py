"""Every failure a user can meet, by name.

Two kinds matter to a caller. A `UserError` is about what was asked: it is raised before anything is
written, and the command line turns it into one sentence and exit code 2. A `StepFailed` is about what
happened while computing: it becomes a failure row of the study and exit code 1.

A message says what was asked, what was found, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyomics.records import Curve


class PolyomicsError(Exception):
    """Base of all errors this package raises on purpose."""

    exit_code = 1

    @property
    def kind(self) -> str:
        """Name of the error class, as stored in failure rows."""
        return type(self).__name__


class UserError(PolyomicsError):
    """The request cannot be carried out as written."""

    exit_code = 2


class InvalidPolymer(UserError):
    """The text is not a repeat unit that can be polymerised and simulated."""


class UnsupportedElement(InvalidPolymer):
    """The repeat unit has an element the force field has no parameters for."""


class UnknownName(UserError):
    """A preset, property, stage, charge model, ... of that name is not registered."""


class InvalidInputFile(UserError):
    """A file the user gave is empty, malformed or unreadable."""


class InvalidSettings(UserError):
    """A number or an option is outside what makes sense."""


class StorageUnavailable(UserError):
    """The home folder or the database cannot be read or written."""


class DatabaseTooNew(StorageUnavailable):
    """The database was written by a newer version of polyomics."""


class ServerUnavailable(UserError):
    """The Prefect server a run is to go through is not configured, does not answer, or refuses us."""


class StudyNotFound(UserError):
    """No study in the database has this key."""


class NoResults(UserError):
    """The study has no results yet, so there is nothing to show."""


class NoFigure(UserError):
    """There is nothing to draw of what was asked for."""


class FileNotThere(UserError):
    """A file is not one of this study, or is not on this machine."""


class ParametersChanged(UserError):
    """The force field gives other parameters now than a study ran with."""


class TookTooLong(UserError):
    """What was asked of the results takes longer than it may."""


class TooBusy(UserError):
    """So much is asked of the server already that this has to wait."""


class StudyBusy(UserError):
    """Another process is running the same study."""


class LeaseLost(PolyomicsError):
    """The study this process works on was taken from it: its lease ran out, or somebody asked for it anew."""


class StudyCancelled(PolyomicsError):
    """The study this process works on is not wanted any more."""


class CampaignNotFound(UserError):
    """No campaign in the database has this name."""


class StepFailed(PolyomicsError):
    """A step of a study could not be completed.

    Args:
        message: What was asked, what was found, what to do.
        curves: Records of curves that show why, to be stored all the same.
    """

    def __init__(self, message: str = "", curves: Sequence[Curve] = ()) -> None:
        super().__init__(message)
        self.curves = tuple(curves)


class MachineFailed(StepFailed):
    """A step could not be completed for a reason that lies with the machine: another may manage."""


class ToolMissing(MachineFailed):
    """A program this step calls (antechamber, parmchk2, sqm, tleap) was not found."""


class ChainNotBuilt(StepFailed):
    """No overlap-free, spear-free geometry was found for a chain."""


class CellNotPacked(StepFailed):
    """The chains could not be placed without overlap."""


class TypesNotAssigned(StepFailed):
    """The force field has no atom type for an atom."""


class ParametersMissing(StepFailed):
    """The force field has no parameter for a bond, angle or torsion, not even an estimated one."""


class ChargesNotConverged(StepFailed):
    """The charge model did not give charges for the repeat unit."""


class SimulationUnstable(StepFailed):
    """The energy of a stage exploded, also with the smallest time step allowed."""


class EngineFailed(MachineFailed):
    """OpenMM refused to go on for a reason that is not an explosion (out of memory, a box too small)."""


class CorruptFile(StepFailed):
    """A file of a run does not have the checksum its manifest states."""


class NotEnoughData(StepFailed):
    """A property has too few samples for a value, let alone an error bar."""


class NotIdentifiable(StepFailed):
    """A fit does not tell the value: the data fit as well without what it stands for."""


class NotIsotropic(StepFailed):
    """A property of isotropic matter was asked of a cell that has a direction."""


class NotLinear(StepFailed):
    """A response is not proportional to what causes it, so there is no coefficient."""


class OutOfReach(StepFailed):
    """What is asked relaxes too slowly to be seen in the time simulated."""
