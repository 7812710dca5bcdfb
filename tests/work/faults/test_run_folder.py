"""Who may change a run folder."""

import threading
from pathlib import Path

import pytest

from polyomics.errors import LeaseLost, StudyCancelled
from polyomics.files import read_json
from polyomics.work.folder import TOKEN, RunFolder


def test_the_folder_changes_hands_between_two_changes_and_never_in_one(tmp_path: Path) -> None:
    old, new = RunFolder(tmp_path), RunFolder(tmp_path)
    old.take()
    asked, taken = threading.Event(), threading.Event()

    def take() -> None:
        asked.set()
        new.take()
        taken.set()

    with old.held():
        thread = threading.Thread(target=take)
        thread.start()
        assert asked.wait(30)
        assert not taken.wait(0.3)
        (tmp_path / "kept").write_text("whole")
        assert not old.is_taken_away()
    assert taken.wait(30)
    thread.join()
    with pytest.raises(LeaseLost), old.held():
        raise AssertionError("changed a folder that another has")
    with new.held():
        assert (tmp_path / "kept").read_text() == "whole"


def test_who_is_refused_leaves_the_folder_to_the_one_that_has_it(tmp_path: Path) -> None:
    holder, late = RunFolder(tmp_path), RunFolder(tmp_path)
    holder.take()
    token = read_json(tmp_path / TOKEN)

    def refuse() -> None:
        raise StudyCancelled("not wanted")

    with pytest.raises(StudyCancelled):
        late.take(refuse)
    assert read_json(tmp_path / TOKEN) == token
    with holder.held():
        pass


def test_taking_the_folder_removes_what_was_half_written(tmp_path: Path) -> None:
    (tmp_path / "cell").mkdir()
    for name in (".spec.json.abc.json", "cell/.cell.npz.abc.npz", "cell/cell.npz"):
        (tmp_path / name).write_text("half")
    RunFolder(tmp_path).take()
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"cell/cell.npz", TOKEN, "lock.change"}
