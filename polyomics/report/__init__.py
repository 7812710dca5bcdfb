"""Pictures: the page of a study with its figures, its cell in 3D and its numbers, in one file that opens offline.

Nothing here computes a property; what is drawn is what the stages, the measurements and the curves hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyomics.database.rows import StudyRow

__all__ = ["write_report"]


def write_report(study: StudyRow, home: Path, path: Path) -> Path:
    """Write the page of a study; what cannot be drawn is left out with a note.

    Args:
        study: The study, as it is in the database.
        home: Folder of runs and caches.
        path: The file to write; whole or not at all.

    Returns:
        `path`.

    Raises:
        StorageUnavailable: The file cannot be written.
    """
    from polyomics.files import write_text
    from polyomics.report.page import report_html

    write_text(path, report_html(study, home))
    return path
