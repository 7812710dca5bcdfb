"""Keys of studies as people type them: their beginnings, and their misspellings."""

import difflib

from sqlalchemy import Connection, func, select

from polyomics.database import tables
from polyomics.errors import StudyNotFound

CANDIDATES = 2000
"""How many of the newest studies are looked through for a key like a misspelt one."""


def full_key(connection: Connection, key: str) -> str:
    """The key of the one study whose key begins so.

    Raises:
        StudyNotFound: None, or several; the message lists keys that come close.
    """
    column = tables.Study.key
    exact = connection.scalar(select(column).where(column == key))
    if exact is not None:
        return str(exact)
    if not key:
        raise not_found(connection, key)
    near = column.between(key, f"{key}zz")  # by the index, in any order of letters; what begins so is among them
    begins = near & (func.substr(column, 1, len(key)) == key)
    found = list(connection.scalars(select(column).where(begins).order_by(column).limit(6)))
    if len(found) == 1:
        return str(found[0])
    if found:
        shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise StudyNotFound(f"several studies have a key that begins with {key!r}: {shown}; write more of it")
    raise not_found(connection, key)


def not_found(connection: Connection, key: str) -> StudyNotFound:
    """What to say of a key no study has."""
    newest = select(tables.Study.key).order_by(tables.Study.created.desc()).limit(CANDIDATES)
    keys = list(connection.scalars(newest))
    if not keys:
        return StudyNotFound(f"no study has the key {key!r}; the database holds none yet")
    close = difflib.get_close_matches(key, keys, n=3, cutoff=0.5)
    if not close:
        width = max(len(key), 1)
        close = [full for full in keys if difflib.SequenceMatcher(None, key, full[:width]).ratio() > 0.6][:3]
    hint = f"close to it: {', '.join(close)}" if close else f"the newest: {', '.join(keys[:3])}"
    return StudyNotFound(f"no study has a key that begins with {key!r}; {hint}")
