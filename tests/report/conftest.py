"""One small real study, as the database has it, and curves and criteria to go with it."""

from pathlib import Path

import pytest
from made_up import CRITERIA, CURVES

from polyomics.database import Store, StudyRow
from polyomics.files import write_json
from polyomics.report.recorded import RecordedRun


@pytest.fixture(scope="session")
def home(tiny_study: tuple[str, Path]) -> Path:
    """Home folder of the study."""
    return tiny_study[1]


@pytest.fixture(scope="session")
def study(tiny_study: tuple[str, Path]) -> StudyRow:
    """The study, with verdicts of every kind."""
    key, home = tiny_study
    with Store.open(f"sqlite:///{home / 'polyomics.db'}", read_only=True) as store:
        return store.study(key).model_copy(update={"criteria": CRITERIA})


@pytest.fixture(scope="session")
def run(study: StudyRow, home: Path) -> RecordedRun:
    """Its run folder, read."""
    return RecordedRun(study, home)


@pytest.fixture
def run_with_curves(study: StudyRow, home: Path, tmp_path: Path) -> RecordedRun:
    """The same with curves of a property."""
    copy = tmp_path / study.run_folder
    copy.mkdir(parents=True)
    for part in ("cell", "stages"):
        (copy / part).symlink_to(home / study.run_folder / part)
    write_json(copy / "results" / "curves.json", [curve.model_dump(mode="json") for curve in CURVES])
    return RecordedRun(study, tmp_path)
