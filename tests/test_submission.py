"""Submitting polymers from Python, into both databases."""

import io
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import polyomics
from polyomics import drafting
from polyomics.database import Store, tables
from polyomics.database.campaigns import checked_campaign
from polyomics.database.queue import Queue
from polyomics.database.rows import Holder
from polyomics.drafting import CHUNK, Asked, Drafting, drafts
from polyomics.errors import InvalidInputFile, InvalidSettings, MachineFailed, UnknownName, UserError
from polyomics.estimate import estimate_cost
from polyomics.records import Failure
from polyomics.request import make_spec
from polyomics.submission import InvalidLine, Submission, submit

ALKANES = [f"*CC(*){'C' * n}" for n in range(1, 13)]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path}/results.db"


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes a file of polymers."""

    def write(text: bytes) -> Path:
        path = tmp_path / "polymers.csv"
        path.write_bytes(text)
        return path

    return write


def members(url: str, campaign: str) -> set[str]:
    """Keys of the studies of a campaign."""
    query = select(tables.Study.key).join(tables.CampaignStudy).join(tables.Campaign)
    with Store.open(url) as store, store.reading() as connection:
        return set(connection.scalars(query.where(tables.Campaign.name == campaign)))


def test_each_polymer_becomes_a_queued_study_of_the_campaign(url: str) -> None:
    result = submit(ALKANES, campaign="alkanes", priority="high", pool="gpu", preset="smoke", database_url=url)
    assert (result.inserted, result.existing, result.invalid, result.n_lines) == (12, 0, 0, 12)
    specs = [make_spec(text, preset="smoke") for text in ALKANES]
    assert result.first_keys == tuple(spec.key for spec in specs)
    assert members(url, "alkanes") == {spec.key for spec in specs}
    with Store.open(url) as store, store.reading() as connection:
        rows = connection.execute(select(tables.Study)).all()
        assert {(row.status, row.priority, row.pool) for row in rows} == {("queued", 2, "gpu")}
        assert store.study(specs[0].key).spec == specs[0].model_dump(mode="json")


def test_the_estimate_is_the_sum_over_the_studies(url: str) -> None:
    result = submit(ALKANES, preset="standard", replicates=2, dry_run=True, database_url=url)
    hours = 0.0
    for text in ALKANES:
        spec = make_spec(text, preset="standard")
        unit = polyomics.parse_repeat_unit(text)
        n_atoms = spec.cell.n_chains * (spec.polymer.n_units * unit.n_atoms + 8)
        hours += 2 * estimate_cost(n_atoms, spec.protocol).gpu_wall_s / 3600
    assert result.gpu_hours == result.gpu_hours_new == pytest.approx(hours)
    assert result.n_studies == 24


def test_submitting_again_changes_nothing(url: str) -> None:
    first = submit(ALKANES, campaign="one", preset="smoke", database_url=url)
    again = submit(ALKANES, campaign="one", preset="smoke", priority="high", pool="gpu", database_url=url)
    assert (again.inserted, again.existing, again.gpu_hours_new) == (0, 12, 0.0)
    assert again.gpu_hours == first.gpu_hours
    assert len(members(url, "one")) == 12
    with Store.open(url) as store, store.reading() as connection:
        assert set(connection.execute(select(tables.Study.priority, tables.Study.pool))) == {(1, "")}


def test_what_is_there_joins_another_campaign_and_its_status_is_counted(url: str) -> None:
    submit(ALKANES[:4], campaign="first", preset="smoke", database_url=url)
    keys = [make_spec(text, preset="smoke").key for text in ALKANES]
    with Store.open(url) as store:
        for key in keys[:2]:
            Queue(store).claim(key, Holder(host="here"))
        store.finish_study(keys[0])
        store.fail_study(keys[1], Failure(stage="charges", kind="ChargesNotConverged", message="no"))
    result = submit(ALKANES[:6], campaign="second", preset="smoke", database_url=url)
    assert (result.inserted, result.existing) == (2, 4)
    assert result.existing_by_status == {"done": 1, "failed": 1, "queued": 2}
    assert members(url, "second") == set(keys[:6])
    assert members(url, "first") == set(keys[:4])


def test_a_study_asked_for_twice_counts_once(url: str) -> None:
    result = submit(["*CC(*)C", "*C(C)C*", "*CC*"], preset="smoke", database_url=url)
    assert (result.inserted, result.repeated, result.existing) == (2, 1, 0)


def test_a_dry_run_makes_no_database_and_changes_none(url: str, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"campaign": "alkanes", "preset": "smoke", "database_url": url}
    assert submit(ALKANES, dry_run=True, **asked).inserted == 12
    assert list(tmp_path.iterdir()) == []
    submit(ALKANES[:5], **asked)
    before = (tmp_path / "results.db").read_bytes()
    result = submit(ALKANES, dry_run=True, **(asked | {"campaign": "other"}))
    assert (result.inserted, result.existing, result.existing_by_status) == (7, 5, {"queued": 5})
    assert (tmp_path / "results.db").read_bytes() == before


def test_polymers_may_have_options_of_their_own(url: str) -> None:
    asked = [
        {"psmiles": "*CC*", "temperature_k": 350.0, "seed": 7},
        {"psmiles": "*CC*"},
        {"psmiles": "*CC*", "seeds": 1},
    ]
    result = submit(asked, preset="smoke", database_url=url)
    assert (result.inserted, result.invalid) == (2, 1)
    assert result.first_keys[0] == make_spec("*CC*", preset="smoke", temperature_k=350.0, seed=7).key
    assert "seeds" in result.first_invalid[0].message


def test_what_is_no_text_is_an_invalid_line(url: str) -> None:
    result = submit(["*CC*", 7, None], preset="smoke", database_url=url)  # type: ignore[list-item]
    assert (result.inserted, [line.line for line in result.first_invalid]) == (1, [2, 3])


def test_replicates_begin_where_a_line_says(url: str) -> None:
    result = submit([{"psmiles": "*CC*", "replicate": 4}], replicates=3, preset="smoke", database_url=url)
    assert result.first_keys == tuple(make_spec("*CC*", preset="smoke", replicate=n).key for n in (4, 5, 6))


def test_good_lines_go_in_and_each_wrong_one_is_explained(url: str, csv_file: Callable[[bytes], Path]) -> None:
    path = csv_file(
        b"psmiles,chains,name\n"
        b"*CC*,,good\n"
        b"*CC,,one star\n"
        b"*CC(*)[Si](C)(C)C,,silicon\n"
        b"*CCO*,three,a number\n"
        b"*CCO*,2\n"
        b"*CC\xff*,,no UTF-8\n"
        b'"*CC*,,open quote\n'
        b",,nothing\n"
        b"*CCO*,-2,negative\n"
        b"*CCO*,2,good\n"
    )
    told: list[InvalidLine] = []
    result = submit(path, preset="smoke", database_url=url, on_invalid=told.append)
    assert (result.inserted, result.invalid, result.n_lines) == (2, 8, 10)
    assert result.ignored_columns == ("name",)
    assert list(result.first_invalid) == told
    says = {line.line: f"{line.kind}: {line.message}" for line in told}
    expected = {
        3: "InvalidPolymer: '*CC' has 1 of the 2",
        4: "UnsupportedElement: '*CC(*)[Si](C)(C)C' has Si",
        5: "InvalidSettings: the column 'chains' has 'three', which is not a whole number",
        6: "InvalidInputFile: 2 fields where the header has 3",
        7: "InvalidInputFile: not UTF-8 text: byte 0xff",
        8: "InvalidInputFile: not CSV",
        9: "InvalidPolymer: the repeat unit is empty",
        10: "InvalidSettings: n_chains",
    }
    assert list(says) == list(expected)
    for number, beginning in expected.items():
        assert says[number].startswith(beginning)
        assert "\n" not in says[number]


def test_of_many_wrong_lines_the_first_are_kept_and_all_are_told(url: str) -> None:
    told: list[InvalidLine] = []
    result = submit(iter(["*CC"] * 700), database_url=url, on_invalid=told.append)
    assert (result.invalid, len(told), len(result.first_invalid)) == (700, 700, 20)
    assert result.invalid_by_kind == {"InvalidPolymer": 700}
    assert result.n_studies == 0


@pytest.mark.parametrize("stream", [io.BytesIO(b"psmiles\n*CC*\n*CCO*\n"), io.StringIO("psmiles\n*CC*\n*CCO*\n")])
def test_a_stream_is_read_and_left_open(url: str, stream: Any) -> None:
    assert submit(stream, preset="smoke", database_url=url).inserted == 2
    assert not stream.closed


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"preset": "standart"}, UnknownName, "standard"),
        ({"charges": "resp"}, UnknownName, "am1bcc"),
        ({"properties": ["densty"]}, UnknownName, "density"),
        ({"protocol": "nowhere.yaml"}, InvalidInputFile, "nowhere.yaml"),
        ({"temperature_k": -1.0}, InvalidSettings, "temperature_k"),
        ({"presets": "smoke"}, InvalidSettings, "'presets' is no option"),
        ({"priority": "urgent"}, InvalidSettings, "low, normal, high"),
        ({"pool": "a pool"}, InvalidSettings, "pool"),
        ({"replicates": 0}, InvalidSettings, "replicates"),
        ({"campaign": "  "}, InvalidSettings, "empty"),
        ({"campaign": "a\nb"}, InvalidSettings, "no screen shows"),
        ({"campaign": "a\x00b"}, InvalidSettings, "no screen shows"),
        ({"campaign": "a" * 201}, InvalidSettings, "201 characters"),
        ({"polymers": "gone.csv"}, InvalidInputFile, "gone.csv"),
    ],
)
def test_what_is_wrong_for_all_is_refused_before_anything_is_written(
    url: str, tmp_path: Path, asked: dict[str, Any], error: type[UserError], says: str
) -> None:
    with pytest.raises(error, match=says):
        submit(**{"polymers": ALKANES, "database_url": url} | asked)
    assert list(tmp_path.iterdir()) == []


def test_a_campaign_may_be_called_in_any_script(url: str) -> None:
    for name in ("нейлон 6", "聚合物", "π–π (β)"):
        assert checked_campaign(f" {name} ") == name
        submit("*CC*", campaign=name, preset="smoke", database_url=url)
        assert len(members(url, name)) == 1


def test_progress_is_told_with_the_part_of_the_file(url: str, csv_file: Callable[[bytes], Path]) -> None:
    path = csv_file(b"psmiles\n" + b"*CC*\n" * (3 * CHUNK))
    told: list[tuple[Submission, float | None]] = []
    submit(path, preset="smoke", database_url=url, watch=lambda *so_far: told.append(so_far))
    assert [so_far.n_lines for so_far, _ in told] == [CHUNK, 2 * CHUNK, 3 * CHUNK]
    assert told[-1][1] == 1.0


def test_several_processes_give_the_same_drafts_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "FEWEST_FOR_SEVERAL", 2 * CHUNK)
    polymers = ["*CC*", "*CC", "*CCO*", "*CC(*)C"] * CHUNK
    asked = [Asked(number, text) for number, text in enumerate(polymers)]
    smoke = Drafting({"preset": "smoke"}, 1)
    alone = [draft for chunk in drafts(asked, smoke, 1) for draft in chunk]
    together = [draft for chunk in drafts(asked, smoke, 2) for draft in chunk]
    assert together == alone
    assert [draft.number for draft in alone] == list(range(len(polymers)))


SUBMIT = """
import sys
from polyomics.submission import submit
if __name__ == "__main__":
    def watch(so_far, fraction):
        print(so_far.inserted, flush=True)
    path, url = sys.argv[1:]
    submit(path, campaign="killed", preset="smoke", n_chains=4, database_url=url, processes=2, watch=watch)
"""


def test_a_submission_that_was_killed_is_completed_by_the_same_one(
    url: str, tmp_path: Path, csv_file: Callable[[bytes], Path]
) -> None:
    """Killed with -9 in the middle: what was entered is whole, its helpers end too, and the rest goes in later."""
    sizes = range(1, 6)
    units = [
        f"*CC(*){'C' * a}O{'C' * b}N{'C' * c}S{'C' * d}"
        for a, b, c, d in itertools.product(sizes, sizes, sizes, range(1, 21))
    ]
    path = csv_file("\n".join(["psmiles", *units]).encode())
    script = tmp_path / "script.py"
    script.write_text(SUBMIT, encoding="ascii")
    environment = os.environ | {"PYTHONPATH": str(Path(polyomics.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, str(script), str(path), url],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert int(process.stdout.readline()) == CHUNK
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while _group_lives(process.pid):
        assert time.monotonic() < deadline, "the helpers of a killed submission live on"
        time.sleep(0.05)
    process.stdout.close()
    entered = members(url, "killed")
    with Store.open(url) as store:
        assert store.counts()["queued"] == len(entered)
    assert CHUNK <= len(entered) < len(units)
    assert len(entered) % CHUNK == 0
    result = submit(path, campaign="killed", preset="smoke", n_chains=4, database_url=url)
    assert (result.existing, result.inserted) == (len(entered), len(units) - len(entered))
    assert len(members(url, "killed")) == len(units)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_helper_that_is_killed_is_said_in_one_sentence(
    url: str, csv_file: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what went in before stays in."""
    monkeypatch.setattr(drafting, "FEWEST_FOR_SEVERAL", 2 * CHUNK)
    path = csv_file(b"psmiles\n" + b"*CC(*)C\n" * 20 * CHUNK)

    killed: list[int] = []

    def kill(_so_far: Submission, _fraction: float | None) -> None:
        if killed:
            return
        for child in multiprocessing.active_children():
            killed.append(child.pid or 0)
            os.kill(killed[-1], signal.SIGKILL)

    with pytest.raises(MachineFailed, match=r"ended from outside \(exit code -9\).*do the same again"):
        submit(path, preset="smoke", database_url=url, processes=2, watch=kill)
    with Store.open(url) as store:
        assert store.counts()["queued"] == 1
