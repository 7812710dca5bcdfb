"""Which part may import which library, and which part of ours: the picture in the README, kept true.

Every import statement counts, also one inside a function; those under `if TYPE_CHECKING:` do not, since they
are never executed.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ONLY_IN = {
    "prefect": ("flows",),
    "openmm": ("polyomics/forcefield", "polyomics/cell", "polyomics/md", "polyomics/inputs"),
    "sqlalchemy": ("polyomics/database",),
    "alembic": ("polyomics/database",),
    "parmed": ("polyomics/forcefield", "polyomics/inputs"),
    "mdtraj": ("polyomics/trajectory.py",),
    "rdkit": ("polyomics/chemistry", "polyomics/forcefield"),
    "typer": ("polyomics/cli",),
    "matplotlib": ("polyomics/report",),
    "fastapi": ("polyomics/web",),
    "uvicorn": ("polyomics/web",),
    "pandas": ("polyomics/frames",),
    "polars": ("polyomics/frames",),
}
"""A library, and the folders and files that may import it."""

NEVER = {
    "polyomics/analysis": {
        *("io", "os", "pathlib", "shutil", "tempfile", "csv", "json", "pickle", "gzip", "subprocess"),
        *("mdtraj", "openmm", "rdkit", "pyarrow", "yaml"),
        *("polyomics.files", "polyomics.trajectory", "polyomics.config", "polyomics.database", "polyomics.study"),
    },
    "polyomics/md": {"rdkit", "parmed", "mdtraj", "polyomics.chemistry", "polyomics.forcefield", "polyomics.database"},
    "polyomics/chemistry": {"polyomics.forcefield", "polyomics.md", "polyomics.properties"},
    "polyomics/properties": {"polyomics.md", "polyomics.forcefield", "polyomics.database"},
    "polyomics/report": {"polyomics.cli", "polyomics.study", "openmm"},
    "polyomics/web": {"polyomics.cli", "polyomics.study", "polyomics.submission", "openmm", "subprocess", "pickle"},
    "polyomics": {"flows"},
}
"""A part, and what it never imports. That of `analysis` makes its tests arithmetic; that of `md` lets a stage
run on a bare GPU node; and everything in `polyomics` runs without a flow."""

MAY_START = {("polyomics/cli", "flows")}
"""The command line hands a run over to the flow when it is asked to."""


@cache
def sources() -> list[Path]:
    return [path for top in ("polyomics", "flows") for path in sorted((ROOT / top).rglob("*.py"))]


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Dotted names of the modules that a file imports when it runs."""
    module = path.relative_to(ROOT).with_suffix("").parts
    return tuple(_imports_of(ast.parse(path.read_text(encoding="utf-8")), module))


def _imports_of(tree: ast.AST, module: tuple[str, ...]) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module[: -node.level] if node.level else ()
            base = ".".join((*package, *([node.module] if node.module else [])))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif _is_for_type_checkers(node):
            assert isinstance(node, ast.If)
            for branch in node.orelse:
                yield from _imports_of(ast.Module([branch], []), module)
        else:
            yield from _imports_of(node, module)


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def is_part_of(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def lies_in(path: Path, place: str) -> bool:
    relative = path.relative_to(ROOT).as_posix()
    return relative in (place, f"{place}.py") or relative.startswith(f"{place}/")


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    offenders = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        for name in imported(path)
        if is_part_of(name, library) and not any(lies_in(path, place) for place in ONLY_IN[library])
    ]
    assert offenders == []


@pytest.mark.parametrize("part", NEVER)
def test_a_part_never_imports(part: str) -> None:
    offenders = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        for name in imported(path)
        for forbidden in NEVER[part]
        if lies_in(path, part) and is_part_of(name, forbidden)
        if not any(lies_in(path, place) and is_part_of(name, module) for place, module in MAY_START)
    ]
    assert offenders == []


def test_every_rule_is_about_something() -> None:
    """A rule for a folder that was renamed would hold for ever."""
    places = {place for allowed in ONLY_IN.values() for place in allowed} | set(NEVER)
    missing = [place for place in places if not any(lies_in(path, place) for path in sources())]
    used = {library for library in ONLY_IN if any(is_part_of(n, library) for p in sources() for n in imported(p))}
    assert missing == []
    assert used == set(ONLY_IN)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import prefect.settings", {"prefect.settings"}),
        ("from prefect import flow as f", {"prefect", "prefect.flow"}),
        ("def work():\n    if True:\n        import openmm", {"openmm"}),
        ("from . import pme", {"polyomics.md", "polyomics.md.pme"}),
        ("from ..cell import cell", {"polyomics.cell", "polyomics.cell.cell"}),
        ("if TYPE_CHECKING:\n    import openmm\nelse:\n    import numpy", {"numpy"}),
    ],
)
def test_imports_are_found_wherever_they_hide(code: str, expected: set[str]) -> None:
    assert set(_imports_of(ast.parse(code), ("polyomics", "md", "engine"))) == expected
