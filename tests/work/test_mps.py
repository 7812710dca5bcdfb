"""MPS servers for the cards that several slots share: started, used by the slots, stopped."""

import logging
from pathlib import Path

import pytest
from site_of_work import FIRST, SECOND, Node

from polyomics.work.gpus import Gpu
from polyomics.work.mps import CONTROL, PIPES, SHARE, alone, places, share_percent

ONE, TWO = Gpu(FIRST), Gpu(SECOND)


@pytest.fixture(autouse=True)
def _on_the_node(gpu_node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", gpu_node.path)
    monkeypatch.delenv(PIPES, raising=False)


@pytest.mark.parametrize(("processes", "percent"), [(1, 100), (2, 100), (3, 67), (4, 50), (8, 25)])
def test_each_may_use_twice_its_even_share(processes: int, percent: int) -> None:
    assert share_percent(processes) == percent


def test_a_server_for_each_shared_card_and_none_for_others(gpu_node: Node) -> None:
    with places([ONE, TWO, ONE, ONE]) as found:
        assert [place.environment["CUDA_VISIBLE_DEVICES"] for place in found] == [FIRST, SECOND, FIRST, FIRST]
        assert [place.is_shared for place in found] == [True, False, True, True]
        assert {place.environment[PIPES] for place in found if place.is_shared} == {found[0].environment[PIPES]}
        assert found[0].environment[SHARE] == "67"
        assert PIPES not in found[1].environment
        (start,) = gpu_node.calls(CONTROL)
        assert start["arguments"] == ["-d"]
        assert start["environment"]["CUDA_VISIBLE_DEVICES"] == FIRST
        assert start["environment"][PIPES] == found[0].environment[PIPES]
        assert len(start["folders"]) == 2
        folder = Path(found[0].environment[PIPES]).parent
        assert folder.stat().st_mode & 0o077 == 0
    start, end = gpu_node.calls(CONTROL)
    assert (end["arguments"], end["input"]) == ([], "quit\n")
    assert end["environment"][PIPES] == start["environment"][PIPES]
    assert not folder.exists()


def test_it_is_stopped_whatever_happens(gpu_node: Node) -> None:
    with pytest.raises(KeyboardInterrupt), places([ONE, ONE]):
        raise KeyboardInterrupt
    assert [call["input"] for call in gpu_node.calls(CONTROL)] == ["", "quit\n"]


@pytest.mark.parametrize("broken", ["absent", "failing"])
def test_without_it_the_slots_take_turns_and_it_is_said(
    gpu_node: Node, broken: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if broken == "absent":
        (gpu_node.folder / CONTROL).unlink()
        monkeypatch.setenv("PATH", str(gpu_node.folder))
    else:
        gpu_node.add(CONTROL, error="An instance of this daemon is already running\n", code=1)
    with caplog.at_level(logging.WARNING), places([ONE, ONE]) as found:
        assert [dict(place.environment) for place in found] == [{"CUDA_VISIBLE_DEVICES": FIRST}] * 2
        assert not found[0].is_shared
    assert "is not installed" in caplog.text if broken == "absent" else "already running" in caplog.text


def test_a_server_of_the_environment_is_used_and_left_running(gpu_node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PIPES, "/tmp/nvidia-mps")
    with places([ONE, ONE]) as found:
        assert found[0].environment[PIPES] == "/tmp/nvidia-mps"
        assert found[0].is_shared
    assert gpu_node.calls(CONTROL) == []


def test_none_is_wanted(gpu_node: Node) -> None:
    with places([ONE, ONE], with_mps=False) as found:
        assert not found[0].is_shared
    assert gpu_node.calls(CONTROL) == []


def test_a_place_beside_the_server_has_no_server_to_find(gpu_node: Node) -> None:
    with places([ONE, ONE]) as found:
        beside = alone(found[0])
    assert not Path(beside.environment[PIPES]).exists()
    assert beside.environment["CUDA_VISIBLE_DEVICES"] == FIRST
    assert not beside.is_shared


def test_slots_on_the_cpu_need_nothing() -> None:
    with places([None, None]) as found:
        assert [dict(place.environment) for place in found] == [{}, {}]
