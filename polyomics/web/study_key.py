"""The key of a study in an address."""

from typing import Annotated

from fastapi import Path

StudyKey = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9_.-]{1,128}$", description="Key of a study, or the beginning of it if no other begins so."
    ),
]
