"""Nothing is unpickled, and no text from elsewhere is run: what is read is JSON, YAML of plain values, or arrays."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "torch", "jsonpickle"}
RUNNERS = {"eval", "exec", "compile", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
UNSAFE_YAML = {f"yaml.{name}" for name in ("load", "load_all", "unsafe_load", "full_load", "Loader", "UnsafeLoader")}
PICKLING_CALLS = {"read_pickle", "to_pickle"}


def offences(code: str) -> Iterator[str]:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in PICKLERS)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.partition(".")[0] in PICKLERS:
                yield node.module
            yield from (n for a in node.names if (n := f"{node.module}.{a.name}") in UNSAFE_YAML | RUNNERS)
        elif isinstance(node, ast.Attribute):
            if ast.unparse(node) in UNSAFE_YAML | RUNNERS or node.attr in PICKLING_CALLS:
                yield ast.unparse(node)
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in RUNNERS:
                yield node.func.id
            yield from (ast.unparse(word) for word in node.keywords if _opens_a_door(word))


def _opens_a_door(word: ast.keyword) -> bool:
    """A keyword that is not plainly off."""
    if word.arg in ("result_serializer", "serializer"):
        return not (isinstance(word.value, ast.Constant) and word.value.value == "json")
    is_off = isinstance(word.value, ast.Constant) and word.value.value is False
    return word.arg in ("allow_pickle", "shell", "persist_result") and not is_off


@pytest.mark.parametrize("top", ["polyomics", "flows"])
def test_nothing_is_unpickled_and_no_text_is_run(top: str) -> None:
    sources = sorted((ROOT / top).rglob("*.py"))
    assert sources
    assert {str(path.relative_to(ROOT)): found for path in sources if (found := list(offences(path.read_text())))} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "def f():\n    from cloudpickle import loads",
        "import torch.serialization",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
        "yaml.load(text, Loader=yaml.Loader)",
        "from yaml import unsafe_load",
        "pandas.read_pickle(path)",
        "eval(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "flow(persist_result=True)",
        "flow(result_serializer='pickle')",
    ],
)
def test_every_way_is_known(code: str) -> None:
    assert list(offences(code))


def test_arrays_are_read_without_pickles(tmp_path: Path) -> None:
    import numpy as np

    from polyomics.errors import CorruptFile
    from polyomics.files import read_arrays

    path = tmp_path / "frames.npz"
    np.savez(path, positions=np.array([object()], dtype=object))
    with pytest.raises(CorruptFile):
        read_arrays(path)
