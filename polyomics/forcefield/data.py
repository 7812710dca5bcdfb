"""The folder `forcefields`: found in a checkout and in an installed wheel, and read only if intact."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from polyomics.errors import CorruptFile
from polyomics.files import is_intact, read_json

_PACKAGE = Path(__file__).resolve().parent.parent
_CANDIDATES = (_PACKAGE / "_forcefields", _PACKAGE.parent / "forcefields")
"""Where a wheel carries the folder, and where a checkout has it."""


def forcefields_folder() -> Path:
    """Folder with one sub-folder per data set.

    Raises:
        CorruptFile: The installation lacks it.
    """
    for folder in _CANDIDATES:
        if (folder / "README.md").is_file():
            return folder
    raise CorruptFile(
        f"the force-field data are neither at {_CANDIDATES[0]} nor at {_CANDIDATES[1]}; reinstall polyomics"
    )


@cache
def manifest(name: str) -> dict[str, Any]:
    """Source, licence and checksums of one data set.

    Raises:
        CorruptFile: There is no such data set, or its manifest is not JSON.
    """
    content = read_json(forcefields_folder() / name / "manifest.json")
    if not isinstance(content, dict):
        raise CorruptFile(f"the manifest of the force-field data {name!r} is not a JSON object")
    return content


@cache
def read_data(name: str, file: str) -> Any:
    """Content of one JSON file of a data set, after its checksum was compared with the manifest.

    Raises:
        CorruptFile: The file is missing, changed or not JSON.
    """
    path = forcefields_folder() / name / file
    checksum = manifest(name).get("sha256", {}).get(file)
    if checksum is None or not is_intact(path, checksum):
        raise CorruptFile(f"{path} does not have the checksum its manifest states ({checksum}); reinstall polyomics")
    return json.loads(path.read_text(encoding="utf-8"))
