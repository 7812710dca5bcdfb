"""The answers of the API beside the database they are from."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pyarrow.parquet
import pytest
from made_results import UNITS, add_study, key_of, polymer, url_of
from starlette.testclient import TestClient

from polyomics.database import Store, query, query_studies
from polyomics.records import Measurement
from polyomics.report.recorded import RecordedRun
from polyomics.report.scene import scene as drawn
from polyomics.web.results import Results

N_STUDIES = len(UNITS) + 1


@pytest.fixture
def get(client: TestClient) -> Callable[..., Any]:
    """The JSON of an answer, which must be one."""

    def ask(address: str, **settings: Any) -> Any:
        answer = client.get(f"/api/v1/{address}", params=settings)
        assert answer.status_code == 200, answer.text[:300]
        return answer.json()

    return ask


@pytest.fixture
def refused(client: TestClient) -> Callable[..., dict[str, str]]:
    def ask(address: str, settings: dict[str, Any] | None = None, code: int = 422) -> dict[str, str]:
        answer = client.get(f"/api/v1/{address}", params=settings)
        assert answer.status_code == code, answer.text[:300]
        assert set(answer.json()) == {"error", "message"}
        return dict(answer.json())

    return ask


def test_facts_count_what_is_there(get: Callable[..., Any]) -> None:
    found = get("facts")
    assert (found["n_polymers"], found["n_studies"]) == (len(UNITS), N_STUDIES)
    assert found["n_values"] == sum(item["n_values"] for item in found["properties"])
    density = next(item for item in found["properties"] if item["name"] == "density")
    assert density["unit"] == "g/cm3"
    assert (density["minimum"], density["maximum"]) == (0.8, pytest.approx(0.8 + 0.02 * (len(UNITS) - 1)))
    assert sum(item["n_polymers"] for item in found["classes"]) >= len(UNITS)
    for item in found["classes"]:
        of_class = get("studies", **{"class": item["name"]})["items"]
        assert item["n_polymers"] == len({study["polymer_key"] for study in of_class}), item["name"]
    assert {"name": "polystyrene", "code": "PSTR", "n_polymers": 1} in found["classes"]
    assert found["presets"] == ["demo", "standard"]
    assert found["sources"] == ["computed"]
    assert found["flags"] == ["demo_quality", "fast_cooling"]
    assert set(found["flag_meanings"]) == {"demo_quality", "fast_cooling"}
    assert any(item["abbreviation"] == "PS" for item in found["names"])


def test_facts_are_counted_now_and_then(results_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    real = __import__("polyomics.database.facts", fromlist=["facts"]).facts
    monkeypatch.setattr("polyomics.web.remembered.facts", lambda store: (counted.append(1), real(store))[1])
    with Store.open(url_of(results_home), read_only=True) as store:
        results = Results(store, results_home)
        assert results.facts.of(store) is results.facts.of(store)
        assert len(counted) == 1
        results.facts._fresh_until = 0.0
        results.facts.of(store)
        assert len(counted) == 2


def test_a_table_of_studies_is_sorted_over_its_pages(get: Callable[..., Any]) -> None:
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"total": 1}
    while len(found) < page["total"]:
        page = get(
            "studies", columns="density,glass_transition_temperature", sort="-density", offset=len(found), limit=7
        )
        assert page["items"]
        found += page["items"]
    assert len(found) == page["total"] == N_STUDIES == len({item["key"] for item in found})
    densities = [item["values"]["density"]["value"] for item in found]
    assert densities == sorted(densities, reverse=True)
    assert {len(item["values"]) for item in found} == {1, 2}


def test_studies_without_what_is_sorted_by_come_last(get: Callable[..., Any]) -> None:
    for sort in ("glass_transition_temperature", "-glass_transition_temperature"):
        items = get("studies", columns="glass_transition_temperature", sort=sort)["items"]
        has = ["glass_transition_temperature" in item["values"] for item in items]
        assert has == sorted(has, reverse=True)
        values = [item["values"]["glass_transition_temperature"]["value"] for item in items if item["values"]]
        assert values == sorted(values, reverse=sort.startswith("-"))


FILTERS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"property": "density", "minimum": 1.0, "maximum": 1.1}, {}),
    ({"where": "density > 1.0 and not radius_of_gyration >= 1.05"}, {}),
    ({"preset": "standard", "unflagged": "true"}, {"preset": "standard", "unflagged": True}),
    ({"flag": "fast_cooling"}, {"with_flags": ("fast_cooling",)}),
    ({"without_flag": ["fast_cooling", "demo_quality"]}, {"without_flags": ("fast_cooling", "demo_quality")}),
    ({"equilibrated": "true"}, {"equilibrated": True}),
    ({"class": "polyester"}, {"polymer_class": "polyester"}),
    ({"class": "PSTR"}, {"polymer_class": "PSTR"}),
    ({"smarts": "c1ccccc1"}, {}),
    ({"similar_to": "*CC(*)c1ccccc1", "similarity": 0.3}, {}),
    ({"polymer": "*C(c1ccccc1)C*"}, {"polymer": polymer("*C(c1ccccc1)C*").key}),
    ({"status": "done", "temperature_k": 300}, {}),
    ({"source": "computed", "polyomics_version": "0.1.0"}, {}),
)


@pytest.mark.parametrize(("asked", "settings"), FILTERS, ids=[next(iter(asked)) for asked, _ in FILTERS])
def test_every_filter_chooses_the_same_everywhere(
    client: TestClient, get: Callable[..., Any], results_home: Path, asked: dict[str, Any], settings: dict[str, Any]
) -> None:
    wanted = settings or asked
    with Store.open(url_of(results_home), read_only=True) as store:
        values = query(store, **wanted)
        studies = query_studies(store, **wanted)
    assert values
    shown = get("values", limit=500, **asked)["items"]
    assert [(row["study_key"], row["property"], row["value"]) for row in shown] == [
        (row.study_key, row.property, row.value) for row in values
    ]
    table = get("studies", limit=500, **asked)
    assert {item["key"] for item in table["items"]} == {study.key for study in studies}
    assert table["total"] == len(studies)
    rows = csv.DictReader(io.StringIO(client.get("/api/v1/download", params=asked).text))
    assert [(row["study_key"], row["property"]) for row in rows] == [(row.study_key, row.property) for row in values]


def test_similar_polymers_come_with_their_similarity(get: Callable[..., Any]) -> None:
    asked = {"similar_to": "*CC(*)c1ccccc1", "similarity": 0.2}
    items = get("studies", sort="-similarity", **asked)["items"]
    similarities = [item["similarity"] for item in items]
    assert similarities == sorted(similarities, reverse=True)
    assert items[0]["psmiles"] == polymer("*CC(*)c1ccccc1").psmiles
    assert similarities[0] == 1.0
    assert all(item["similarity"] is None for item in get("studies")["items"])


def test_values_come_in_pages_that_meet(get: Callable[..., Any]) -> None:
    whole = get("values", limit=500)
    assert whole["next_offset"] is None
    parts, offset = [], 0
    while offset is not None:
        page = get("values", limit=11, offset=offset)
        parts += page["items"]
        offset = page["next_offset"]
    assert parts == whole["items"]


def test_a_scatter_has_every_study_with_both_and_their_errors(get: Callable[..., Any]) -> None:
    found = get("scatter", x="density", y="glass_transition_temperature")
    assert (found["x"], found["y"]["unit"]) == ({"name": "density", "unit": "g/cm3"}, "K")
    assert found["total"] == len(found["points"]) == sum(1 for number in range(len(UNITS)) if number % 3)
    point = next(item for item in found["points"] if item["study_key"] == key_of(4))
    assert (point["x"], point["x_stderr"], point["y"], point["y_stderr"]) == (0.88, 0.004, 240.0, None)
    few = get("scatter", x="density", y="glass_transition_temperature", limit=5)
    assert (few["total"], len(few["points"])) == (found["total"], 5)
    assert few == get("scatter", x="density", y="glass_transition_temperature", limit=5)


def test_a_polymer_has_its_replicates_together_and_experiment(get: Callable[..., Any]) -> None:
    found = get("polymers/*CC*")
    assert found == get(f"polymers/{polymer('*CC*').key}")
    assert found["n_studies"] == len(found["studies"]) == 2
    density = next(item for item in found["combined"] if item["property"] == "density")
    assert density["n_replicates"] == 2
    assert set(density["study_keys"]) == {key_of(0), key_of(0, 1)}
    assert {item["property"] for item in found["experiment"]} >= {"density"}
    assert density["experiment"]["deviation_percent"] == pytest.approx(100 * (density["value"] / 0.855 - 1))
    assert density["source"] == ""


def test_a_hot_value_is_not_held_against_experiment_at_room_temperature(
    changeable: Path, asking: Callable[..., TestClient]
) -> None:
    with Store.open(url_of(changeable)) as store:
        hot = Measurement(name="density", value=0.7, stderr=0.01, unit="g/cm3", n_independent=20, temperature_k=500.0)
        store.record_measurements(key_of(0), [hot])
    combined = asking(changeable).get("/api/v1/polymers/*CC*").json()["combined"]
    beside = {item["temperature_k"]: item["experiment"] for item in combined if item["property"] == "density"}
    assert beside.keys() == {300.0, 500.0}
    assert beside[500.0] is None
    assert beside[300.0] is not None


def test_a_study_comes_with_everything_stored_of_it(get: Callable[..., Any]) -> None:
    found = get(f"studies/{key_of(0)[:10]}")
    assert found["key"] == key_of(0)
    assert found["psmiles"] == "*CC*"
    density = next(item for item in found["measurements"] if item["name"] == "density")
    assert density["experiment"]["value"] == 0.855
    assert density["experiment"]["deviation_percent"] == pytest.approx(100 * (0.8 / 0.855 - 1))
    assert found["criteria"][-1]["name"] == "equilibrium"
    assert found["failures"][0]["kind"] == "NotEnoughData"
    assert found["provenance"]["openmm"] == "8.6.1"
    assert found["flag_meanings"].keys() == {"demo_quality"}
    assert found["has_report"] is True
    assert found["has_cell"] is False
    assert [item["kind"] for item in found["files"]] == ["report"]


def test_a_study_is_linked_with_its_run_in_prefect(
    changeable: Path, asking: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyomics.database.dashboard import set_flow_runs

    with Store.open(url_of(changeable)) as store:
        set_flow_runs(store, {key_of(0): "0f2c-<script>"})
    client = asking(changeable)
    monkeypatch.delenv("PREFECT_UI_URL", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", "http://user:secret@head:4200/api")
    url = client.get(f"/api/v1/studies/{key_of(0)}").json()["prefect_url"]
    assert url == "http://user:***@head:4200/runs/flow-run/0f2c-%3Cscript%3E"
    monkeypatch.setenv("PREFECT_API_URL", "javascript:alert(1)")
    assert client.get(f"/api/v1/studies/{key_of(0)}").json()["prefect_url"] is None


def test_the_cell_of_a_real_study_is_its_last_frame(
    tiny_study: tuple[str, Path], asking: Callable[..., TestClient]
) -> None:
    key, home = tiny_study
    client = asking(home)
    assert client.get(f"/api/v1/studies/{key}").json()["has_cell"] is True
    scene = client.get(f"/api/v1/studies/{key}/cell.json").json()
    assert scene["shown"] == scene["total"] == 2
    n_atoms = len(scene["elements"])
    assert len(scene["positions"]) == 3 * n_atoms
    assert max(scene["bonds"]) == n_atoms - 1
    with Store.open(url_of(home), read_only=True) as store:
        run = RecordedRun(store.study(key), home)
    stage, cell = run.sample, run.cell
    assert stage is not None
    assert cell is not None
    chains = run.chains(stage)
    assert chains is not None
    assert scene == drawn(cell, chains.last_positions_nm, chains.last_box_nm)
    one = client.get(f"/api/v1/studies/{key}/cell.json", params={"most_atoms": 1}).json()
    assert (one["shown"], len(one["elements"])) == (1, n_atoms // 2)
    lines = client.get(f"/api/v1/studies/{key}/cell.xyz").text.splitlines()
    assert int(lines[0]) == n_atoms == len(lines) - 2
    symbol, x, *_ = lines[2].split()
    assert symbol == scene["elements"][0]
    assert float(x) == pytest.approx(scene["positions"][0] / 100, abs=0.006)
    edge = float(lines[1].split('"')[1].split()[0])
    assert edge == pytest.approx(scene["box"][0] / 100, abs=0.006)


@pytest.mark.parametrize("name", ["csv", "parquet", "json"])
def test_a_download_has_the_numbers_of_the_database(client: TestClient, results_home: Path, name: str) -> None:
    answer = client.get("/api/v1/download", params={"format": name, "property": "density"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="polyomics_long.{name}"'
    read: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "csv": lambda: list(csv.DictReader(io.StringIO(answer.text))),
        "json": lambda: list(json.loads(answer.content)),
        "parquet": lambda: list(pyarrow.parquet.read_table(io.BytesIO(answer.content)).to_pylist()),
    }
    found = {row["study_key"]: (float(row["value"]), float(row["stderr"])) for row in read[name]()}
    with Store.open(url_of(results_home), read_only=True) as store:
        assert found == {row.study_key: (row.value, row.stderr) for row in query(store, property="density")}


@pytest.mark.parametrize("name", ["csv", "parquet", "json"])
def test_a_wide_file_has_a_row_for_each_study_of_the_table(
    client: TestClient, get: Callable[..., Any], name: str
) -> None:
    names = "density,glass_transition_temperature"
    asked = {"smarts": "c1ccccc1", "columns": names}
    answer = client.get("/api/v1/download", params={"format": name, "layout": "wide", **asked})
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["content-disposition"] == f'attachment; filename="polyomics_wide.{name}"'
    read: dict[str, Callable[[], pandas.DataFrame]] = {
        "csv": lambda: pandas.read_csv(io.BytesIO(answer.content)),
        "json": lambda: pandas.read_json(io.BytesIO(answer.content)),
        "parquet": lambda: pandas.read_parquet(io.BytesIO(answer.content)),
    }
    frame = read[name]().set_index("study_key")
    items = {item["key"]: item["values"] for item in get("studies", limit=500, **asked)["items"]}
    assert set(frame.index) == set(items)
    for key, row in frame.iterrows():
        assert row["density_g_cm3"] == items[key]["density"]["value"]
        assert row["density_g_cm3_stderr"] == items[key]["density"]["stderr"]
        tg = items[key].get("glass_transition_temperature")
        assert (
            (row["glass_transition_temperature_k"] == tg["value"])
            if tg
            else pandas.isna(row["glass_transition_temperature_k"])
        )


def test_few_files_are_made_at_a_time(
    application: Any, refused: Callable[..., dict[str, str]], client: TestClient
) -> None:
    waiting = application.state.results.downloads
    while waiting.acquire(blocking=False):
        pass
    try:
        assert refused("download", code=503)["error"] == "TooBusy"
    finally:
        waiting.release(2)
    assert client.get("/api/v1/download").status_code == 200


def test_no_file_is_left_behind(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert client.get("/api/v1/download").status_code == 200
    assert client.get("/api/v1/download", params={"where": "nonsense"}).status_code == 422
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "settings", "said"),
    [
        ("studies", {"smart": "c1ccccc1"}, "no setting 'smart'"),
        ("studies", {"limit": 501}, "limit"),
        ("studies", {"limit": 0}, "limit"),
        ("studies", {"offset": -1}, "offset"),
        ("studies", {"offset": 10**30}, "offset"),
        ("studies", {"sort": "densty"}, "densty"),
        ("studies", {"sort": "similarity"}, "similar_to"),
        ("studies", {"columns": "density,nothing"}, "nothing"),
        ("studies", {"columns": ",".join(f"p{number}" for number in range(21))}, "21 columns"),
        ("studies", {"class": "polyestr"}, "polyestr"),
        ("studies", {"smarts": "c1ccccc"}, "SMARTS"),
        ("studies", {"smarts": "C" * 501}, "500"),
        ("studies", {"similar_to": "CC"}, "CC"),
        ("studies", {"similarity": 1.5}, "similarity"),
        ("values", {"property": "densty"}, "did you mean 'density'"),
        ("values", {"minimum": 1}, "minimum"),
        ("values", {"property": "density", "minimum": 2, "maximum": 1}, "above"),
        ("values", {"minimum": "nan", "property": "density"}, "finite"),
        ("values", {"where": "density > "}, "density"),
        ("values", {"where": "__import__('os')"}, "condition"),
        ("values", {"polymer": "*C"}, "*"),
        ("values", {"polymer": "\0"}, "polymer"),
        ("values", {"flag": "'; DROP TABLE study; --"}, "flag"),
        ("values", {"equilibrated": "maybe"}, "equilibrated"),
        ("values", {"status": "finished"}, "queued"),
        ("scatter", {"x": "density"}, "y is missing"),
        ("scatter", {"x": "density", "y": "densty"}, "densty"),
        ("structures.svg", {"psmiles": "<script>alert(1)</script>"}, "SMILES"),
        ("structures.svg", {"psmiles": "*CC*", "width": 100_000}, "width"),
        ("download", {"format": "xlsx"}, "csv"),
        ("download", {"layout": "wide", "columns": "densty"}, "densty"),
    ],
)
def test_bad_settings_are_refused_with_a_sentence(
    refused: Callable[..., dict[str, str]], address: str, settings: dict[str, Any], said: str
) -> None:
    found = refused(address, settings)
    assert said in found["message"]
    assert "\n" not in found["message"]
    assert found["error"][0].isupper()


@pytest.mark.parametrize("address", ["studies/nothing", "studies/nothing/report", "polymers/nothing", "nothing"])
def test_what_is_not_there_is_said_not_to_be(refused: Callable[..., dict[str, str]], address: str) -> None:
    assert "nothing" in refused(address, code=404)["message"]


def test_a_name_that_is_markup_stays_a_name(changeable: Path, asking: Callable[..., TestClient]) -> None:
    """Answers are data; a browser that shows one takes it for nothing else."""
    nasty = "<script>alert(1)</script>"
    with Store.open(url_of(changeable)) as store:
        add_study(store, 3, replicate=7, preset=nasty, key="0badbad0", run_folder="runs/0badbad0")
    answer = asking(changeable).get("/api/v1/studies", params={"preset": nasty})
    assert [item["preset"] for item in answer.json()["items"]] == [nasty]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_picture_may_be_kept_and_runs_nothing(client: TestClient) -> None:
    answer = client.get("/api/v1/structures.svg", params={"psmiles": "*CC(*)c1ccccc1", "dark": "1"})
    assert answer.headers["content-type"] == "image/svg+xml"
    assert "max-age" in answer.headers["cache-control"]
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.text.count("<path") > 10


def test_large_answers_are_packed(client: TestClient) -> None:
    answer = client.get("/api/v1/values", params={"limit": 500}, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    parquet = client.get("/api/v1/download", params={"format": "parquet"}, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in parquet.headers
