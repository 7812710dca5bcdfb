"""Where runs, caches and the default database live: two environment variables, nothing else.

A value that has a password may come from a file, as clusters hand secrets to containers: `POLYOMICS_DATABASE_URL_FILE`
names the file that holds the value of `POLYOMICS_DATABASE_URL`.
"""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from polyomics.errors import InvalidSettings, StorageUnavailable

HOME_VARIABLE = "POLYOMICS_HOME"
DATABASE_VARIABLE = "POLYOMICS_DATABASE_URL"
SECRET_VARIABLES = (
    DATABASE_VARIABLE,
    "POLYOMICS_TARGET_DATABASE_URL",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_API_KEY",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
)
"""Variables whose value may be in a file, named by a variable of the same name with `_FILE` at its end."""


def home() -> Path:
    """Folder of runs, caches and the default database: `POLYOMICS_HOME`, else `~/polyomics`."""
    return Path(os.environ.get(HOME_VARIABLE) or Path.home() / "polyomics").expanduser().absolute()


def database_url() -> str:
    """SQLAlchemy URL of the results: `POLYOMICS_DATABASE_URL` or its file, else SQLite in the home folder.

    Raises:
        InvalidSettings: As `secret`.
    """
    return secret(DATABASE_VARIABLE, os.environ) or f"sqlite:///{home() / 'polyomics.db'}"


def run_folder(study_key: str) -> Path:
    """Folder of one study.

    Raises:
        StorageUnavailable: As `below`.
    """
    return below(home(), f"runs/{study_key}")


def below(folder: Path, path: str) -> Path:
    """A path that came from elsewhere, a database that others write to for example, joined to a folder.

    Args:
        folder: What must not be left.
        path: The path, relative to it.

    Raises:
        StorageUnavailable: It would lead out of the folder, or to the folder itself.
    """
    if not stays_below(path):
        raise StorageUnavailable(
            f"{path!r} is stored as a place below {folder}, but leads out of it; the database was changed by hand, "
            "or by somebody who wants files written elsewhere: put that row right"
        )
    return folder / path


def stays_below(path: str) -> bool:
    """Whether a path, joined to any folder, names something below that folder."""
    parts = path.replace("\\", "/").split("/")
    return "\0" not in path and ":" not in parts[0] and not any(part in ("", ".", "..") for part in parts)


def charge_cache_folder() -> Path:
    """Folder of charges already computed, one file per repeat unit and model."""
    return home() / "cache" / "charges"


def secret(name: str, environment: Mapping[str, str]) -> str:
    """The value of a variable, or what is in the file that `NAME_FILE` names; "" if neither is set.

    Args:
        name: Name of the variable.
        environment: Where to look.

    Raises:
        InvalidSettings: Both are set, or the file is empty or cannot be read.
    """
    value, path = environment.get(name, ""), environment.get(f"{name}_FILE", "")
    if not path:
        return value
    if value:
        raise InvalidSettings(f"{name} and {name}_FILE are both set; unset one of them")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InvalidSettings(f"{name}_FILE names {path}, which cannot be read: {reason}") from error
    if not text or "\n" in text:
        raise InvalidSettings(f"{name}_FILE names {path}, which has to hold one line: the value of {name}")
    return text


def load_secret_files(environment: MutableMapping[str, str]) -> None:
    """Put what is in secret files where other libraries look for it: into the variables themselves.

    The variables that name the files are taken out, so that processes started from here do not find both.

    Args:
        environment: That of this process, before prefect is imported.

    Raises:
        InvalidSettings: As `secret`.
    """
    for name in SECRET_VARIABLES:
        if environment.get(f"{name}_FILE"):
            environment[name] = secret(name, environment)
            del environment[f"{name}_FILE"]
