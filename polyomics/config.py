"""Where runs, caches and the default database live: two environment variables, nothing else."""

import os
from pathlib import Path

HOME_VARIABLE = "POLYOMICS_HOME"
DATABASE_VARIABLE = "POLYOMICS_DATABASE_URL"


def home() -> Path:
    """Folder of runs, caches and the default database: `POLYOMICS_HOME`, else `~/polyomics`."""
    return Path(os.environ.get(HOME_VARIABLE) or Path.home() / "polyomics").expanduser().absolute()


def database_url() -> str:
    """SQLAlchemy URL of the results: `POLYOMICS_DATABASE_URL`, else SQLite in the home folder."""
    return os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{home() / 'polyomics.db'}"


def run_folder(study_key: str) -> Path:
    """Folder of one study."""
    return home() / "runs" / study_key


def charge_cache_folder() -> Path:
    """Folder of charges already computed, one file per repeat unit and model."""
    return home() / "cache" / "charges"
