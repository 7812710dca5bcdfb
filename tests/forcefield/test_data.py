"""The data folder: found, documented, intact."""

import json

import pytest

from polyomics.errors import CorruptFile
from polyomics.files import sha256
from polyomics.forcefield import data, tools


@pytest.fixture
def fresh_caches():
    yield
    data.manifest.cache_clear()
    data.read_data.cache_clear()


def test_every_data_set_says_where_it_is_from_and_is_intact():
    names = [path.name for path in data.forcefields_folder().iterdir() if path.is_dir()]
    assert {"gaff2", "gaff2_mod"} <= set(names)
    for name in names:
        manifest = data.manifest(name)
        assert any("DOI" in source for source in manifest["sources"])
        assert manifest["licence"]
        for file, checksum in manifest["sha256"].items():
            path = data.forcefields_folder() / name / file
            assert not path.exists() or sha256(path) == checksum
        extra = {p.name for p in (data.forcefields_folder() / name).iterdir()} - {"manifest.json"}
        assert extra <= set(manifest["sha256"])


def test_a_changed_file_is_refused(tmp_path, monkeypatch, fresh_caches):
    folder = tmp_path / "x"
    folder.mkdir()
    (tmp_path / "README.md").write_text("x")
    (folder / "a.json").write_text("[1]")
    (folder / "manifest.json").write_text(json.dumps({"sha256": {"a.json": sha256(folder / "a.json")}}))
    monkeypatch.setattr(data, "_CANDIDATES", (tmp_path,))
    assert data.read_data("x", "a.json") == [1]
    data.read_data.cache_clear()
    (folder / "a.json").write_text("[2]")
    with pytest.raises(CorruptFile, match="checksum"):
        data.read_data("x", "a.json")


def test_an_installation_without_data_is_an_error(tmp_path, monkeypatch, fresh_caches):
    monkeypatch.setattr(data, "_CANDIDATES", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(CorruptFile, match="reinstall"):
        data.forcefields_folder()


def test_programs_are_found_with_a_version():
    assert all(path is not None for path in tools.find_tools().values())
    assert "ambertools" in tools.tools_version().lower()
    assert tools.amber_data("leap/parm/gaff2.dat").is_file()
