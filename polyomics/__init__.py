"""polyomics: from a polymer's SMILES to properties with error bars, in a database.

import polyomics

spec = polyomics.make_spec("*CC(*)c1ccccc1", preset="demo")
result = polyomics.run_study(spec)
print(result["density"].value, result["density"].stderr)
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "make_spec": "request",
    "run_study": "study",
    "open_database": "database",
    "parse_repeat_unit": "chemistry",
    "submit": "submission",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import on first use, so that `polyomics --help` does not wait for chemistry."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
