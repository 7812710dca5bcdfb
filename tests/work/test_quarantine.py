"""When trouble is taken for the machine's."""

from polyomics.work.quarantine import Quarantine


def test_different_studies_in_a_row_on_one_device() -> None:
    quarantine = Quarantine(most_troubles=3)
    assert quarantine.note_trouble("", "a", "EngineFailed: out of memory", 0.0) is None
    assert quarantine.note_trouble("", "b", "EngineFailed: out of memory", 1.0) is None
    reason = quarantine.note_trouble("", "c", "ToolMissing: sqm", 2.0)
    assert reason == "3 studies in a row met trouble on this machine: EngineFailed: out of memory; ToolMissing: sqm"


def test_one_study_counts_once_however_often() -> None:
    quarantine = Quarantine(most_troubles=2)
    assert [quarantine.note_trouble("", "a", "x", float(i)) for i in range(10)] == [None] * 10
    assert quarantine.note_trouble("", "b", "x", 11.0)


def test_a_study_that_ends_well_clears_its_device_only() -> None:
    quarantine = Quarantine(most_troubles=2)
    for device in ("GPU-a", "GPU-b"):
        assert quarantine.note_trouble(device, "a", "x", 0.0) is None
    quarantine.note_success("GPU-a")
    assert quarantine.note_trouble("GPU-a", "b", "x", 1.0) is None
    assert "GPU GPU-b" in str(quarantine.note_trouble("GPU-b", "b", "x", 1.0))


def test_old_trouble_is_forgotten() -> None:
    quarantine = Quarantine(most_troubles=2, within_s=60.0)
    assert quarantine.note_trouble("", "a", "x", 0.0) is None
    assert quarantine.note_trouble("", "b", "x", 61.0) is None
    assert quarantine.troubled(62.0) == ["b"]
    assert quarantine.note_trouble("", "c", "x", 63.0)


def test_zero_never_gives_up() -> None:
    quarantine = Quarantine(most_troubles=0)
    assert not any(quarantine.note_trouble("", str(number), "x", 0.0) for number in range(100))
