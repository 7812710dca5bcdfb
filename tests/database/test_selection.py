"""Questions give what the same question asked of plain Python lists gives."""

import ast
import operator
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from polyomics.database import Polymer, Selection, Store, query, query_studies, select_results
from polyomics.database.condition import DEEPEST, LONGEST, study_condition
from polyomics.errors import InvalidSettings, UnknownName
from polyomics.records import Criterion, Measurement

NAMES = ("density", "radius_of_gyration", "tg", "self-diffusion")
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)

Values = dict[str, dict[str, list[float]]]


@pytest.fixture
def values(store: Store, add_study: Callable[..., str]) -> Values:
    """Forty studies, with none, one or two values of each property, on a coarse grid so that ties happen."""
    rng = np.random.default_rng(3)
    made: Values = {}
    for i in range(40):
        key = add_study(store, f"study{i:02}", replicate=i % 3, preset=("demo", "standard")[i % 2])
        made[key] = {}
        results = []
        for name in NAMES:
            drawn = (rng.integers(-3, 4, size=rng.integers(0, 3)) / 2).tolist()
            made[key][name] = drawn
            results += [
                Measurement(
                    name=name,
                    value=value,
                    stderr=0.1,
                    unit="1",
                    n_independent=5,
                    temperature_k=300.0 + 100 * j,
                    flags=("drifting",) if value < -1 else (),
                )
                for j, value in enumerate(drawn)
            ]
        store.record_measurements(key, results)
    return made


NUMBERS = st.sampled_from([-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 1e300])
SYMBOLS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


def written(name: str) -> str:
    return name if name.isidentifier() else repr(name)


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    name = written(draw(st.sampled_from(NAMES)))
    form = draw(st.sampled_from(["name first", "number first", "between"]))
    first, second = repr(draw(NUMBERS)), repr(draw(NUMBERS))
    if form == "name first":
        return f"{name} {draw(SYMBOLS)} {first}"
    if form == "number first":
        return f"{first} {draw(SYMBOLS)} {name}"
    return f"{first} {draw(SYMBOLS)} {name} {draw(SYMBOLS)} {second}"


CONDITIONS = st.recursive(
    comparisons(),
    lambda parts: (
        parts.map(lambda part: f"not ({part})")
        | st.tuples(parts, st.sampled_from(["and", "or"]), parts).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})")
        | st.tuples(parts, parts).map(lambda p: f"{p[0]} and not {p[1]}")
        | st.tuples(parts, parts).map(lambda p: f"{p[0]} or {p[1]}")
    ),
    max_leaves=8,
)

COMPARE = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def holds(node: Any, values: dict[str, list[float]]) -> bool:
    """The language, once more, on a plain dictionary."""
    if isinstance(node, ast.BoolOp):
        return (all if isinstance(node.op, ast.And) else any)([holds(part, values) for part in node.values])
    if isinstance(node, ast.UnaryOp):
        return not holds(node.operand, values)
    operands = [node.left, *node.comparators]
    name = next(str(getattr(o, "id", getattr(o, "value", None))) for o in operands if is_name(o))

    def satisfied(value: float) -> bool:
        numbers = [value if is_name(o) else float(ast.literal_eval(o)) for o in operands]
        return all(COMPARE[type(symbol)](numbers[i], numbers[i + 1]) for i, symbol in enumerate(node.ops))

    return any(satisfied(value) for value in values[name])


def is_name(node: Any) -> bool:
    return isinstance(node, ast.Name) or isinstance(getattr(node, "value", None), str)


@SHARED
@given(condition=CONDITIONS)
def test_condition_means_what_it_means_in_python(store: Store, values: Values, condition: str) -> None:
    tree = ast.parse(condition, mode="eval").body
    expected = {key for key, held in values.items() if holds(tree, held)}
    found = {study.key for study in query_studies(store, where=condition, known_properties=NAMES)}
    assert found == expected


@SHARED
@given(name=st.sampled_from(NAMES), bounds=st.tuples(NUMBERS, NUMBERS).map(sorted), unflagged=st.booleans())
def test_range_of_a_property(store: Store, values: Values, name: str, bounds: list[float], unflagged: bool) -> None:
    low, high = bounds
    rows = query(store, property=name, minimum=low, maximum=high, unflagged=unflagged)
    expected = [
        (key, value)
        for key, held in values.items()
        for value in held[name]
        if low <= value <= high and not (unflagged and value < -1)
    ]
    assert [(row.study_key, row.value) for row in rows] == expected


FLAGS = st.lists(st.sampled_from(["a", "b", "c_d", "cxd"]), unique=True, max_size=2).map(tuple)


@SHARED
@given(
    written=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(NAMES), FLAGS), max_size=8),
    with_flags=FLAGS,
    without_flags=FLAGS,
    unflagged=st.booleans(),
)
def test_studies_by_the_flags_of_their_values(
    store: Store,
    add_study: Callable[..., str],
    written: list[tuple[int, str, tuple[str, ...]]],
    with_flags: tuple[str, ...],
    without_flags: tuple[str, ...],
    unflagged: bool,
) -> None:
    """Whatever values came in place of others, the flags that are searched are those of the values that are there."""
    with store.writing() as connection:
        connection.execute(text("DELETE FROM study"))
    keys = [add_study(store, f"flagged{number}") for number in range(4)]
    held: dict[tuple[str, str], tuple[str, ...]] = {}
    for number, name, flags in written:
        value = Measurement(name=name, value=1.0, stderr=0.1, unit="1", n_independent=5, flags=flags)
        store.record_measurements(keys[number], [value])
        held[keys[number], name] = flags
    fitting = {
        key
        for (key, _), flags in held.items()
        if set(with_flags) <= set(flags) and not set(without_flags) & set(flags) and not (unflagged and flags)
    }
    asked = {"with_flags": with_flags, "without_flags": without_flags, "unflagged": unflagged}
    wanted = fitting if any(asked.values()) else set(keys)
    assert {study.key for study in query_studies(store, **asked)} == wanted


def test_filters_together(store: Store, values: Values) -> None:
    everything = query(store)
    assert len(everything) == sum(len(v) for held in values.values() for v in held.values())
    flagged = query(store, with_flags=("drifting",))
    assert {row.value < -1 for row in flagged} == {True}
    clean = query(store, without_flags=("drifting", "unheard_of"))
    assert clean == query(store, unflagged=True)
    assert sorted(map(repr, clean + flagged)) == sorted(map(repr, everything))
    assert {row.preset for row in query(store, preset="demo")} == {"demo"}
    assert query(store, status="done") == []
    assert query(store, polymer="*CC*") == query(store, polymer="a1b2") == everything
    assert query(store, polymer="*CCO*") == []
    assert query(store, limit=7) == everything[:7]
    assert len(query(store, temperature_k=300)) == len(everything)
    assert query(store, temperature_k=301) == []
    demo = query_studies(store, preset="demo", property="tg", minimum=0.5)
    assert {study.key for study in demo} == {
        row.study_key for row in query(store, preset="demo", property="tg", minimum=0.5)
    }


def test_only_of_cells_in_equilibrium(store: Store, values: Values) -> None:
    """Judged and passed; one that failed, one that is not known and one that never was judged are left out."""
    keys = list(values)
    verdicts = {keys[0]: "pass", keys[1]: "fail", keys[2]: "unknown", keys[3]: "pass"}
    for key, verdict in verdicts.items():
        part = {"value": None, "threshold": None, "unit": "1", "message": ""}
        store.finish_study(
            key,
            criteria=[
                Criterion(name="no_voids", verdict="pass", **part),
                Criterion(name="equilibrium", verdict=verdict, **part),
            ],
        )
    passed = {keys[0], keys[3]}
    assert {study.key for study in query_studies(store, equilibrated=True)} == passed
    assert query(store, equilibrated=True) == [row for row in query(store) if row.study_key in passed]


def test_known_names(store: Store, values: Values) -> None:
    assert store.property_names() == sorted(NAMES)
    assert query(store, where="not viscosity > 1", known_properties=["viscosity"]) == query(store)
    assert query(store, property="viscosity", known_properties=["viscosity"]) == []
    with pytest.raises(UnknownName, match=r"did you mean 'density'.*known: density, radius_of_gyration"):
        query(store, property="densty")
    with pytest.raises(InvalidSettings, match=r"did you mean 'density'.*for example.*known properties: density"):
        query(store, where="densty > 1")


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "density",
        "1",
        "density >",
        "density > 1 and",
        "density = 1",
        "density > tg",
        "1 < 2",
        "density < 1 < 2",
        "density > 'high'",
        "density > True",
        "density > None",
        "density > 1j",
        "density > 1e999",
        "density > " + "9" * 400,
        "density > 1 + 1",
        "density in (1, 2)",
        "density is 1",
        "density > 1 & tg > 1",
        "density > 1; DROP TABLE study",
        "density > 1 -- ",
        "density > 1 or 1 = 1",
        "'density' > 1) OR (1=1",
        "'; DROP TABLE study; --' > 1",
        '"density" > 1 UNION SELECT 1',
        "density > (SELECT 1)",
        "__import__('os').system('true') > 1",
        "density.__class__ > 1",
        "density[0] > 1",
        "f'{density}' > 1",
        "(density := 1) > 1",
        "lambda: density > 1",
        "density > 1 if tg > 1 else density < 1",
        "[density > 1 for density in (1,)]",
        "await density > 1",
        "density > 1\n\ntg > 1",
        "density > 1\0",
        "density > \udc80",
        "(" * 500 + "density > 1" + ")" * 500,
        "not " * (DEEPEST + 1) + "density > 1",
        "-" * 1000 + "1 > density",
        " and ".join(["density > 1"] * 150),
        "density > 1 " + " " * LONGEST,
    ],
)
def test_what_is_not_of_the_language(store: Store, values: Values, condition: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        query(store, where=condition, known_properties=NAMES)
    assert "for example 'density > 1.0" in str(caught.value)
    assert "known properties: density, radius_of_gyration" in str(caught.value)
    assert len(store.studies()) == len(values)


WORDS = ["density", "tg", ">", "<", "1", "-", "and", "or", "not", "(", ")", "'", '"']


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS)).map(" ".join))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    with suppress(InvalidSettings):
        study_condition(text, NAMES)


def test_names_are_bound_not_pasted(store: Store, add_study: Callable[..., str]) -> None:
    """A property with a hostile name is an ordinary property."""
    name = "x' OR '1'='1"
    key = add_study(store)
    store.record_measurements(key, [Measurement(name=name, value=1, stderr=0.1, unit="1", n_independent=5)])
    assert [row.property for row in query(store, property=name)] == [name]
    assert query(store, where=f'"{name}" > 2') == []
    assert len(query(store, where=f'"{name}" > 0')) == 1
    assert query(store, polymer="' OR 1=1 --") == []


@pytest.mark.parametrize(
    ("settings_", "says"),
    [
        ({"minimum": 1}, "needs the property"),
        ({"property": "tg", "minimum": 2, "maximum": 1}, "above the maximum"),
        ({"property": "tg", "minimum": float("nan")}, "finite"),
        ({"status": "lost"}, "status"),
        ({"limit": -1}, "limit"),
        ({"with_flags": ("a%'",)}, "not a flag"),
        ({"colour": "red"}, "colour.*property, minimum"),
    ],
)
def test_bad_settings(settings_: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSettings, match=says):
        select_results(**settings_)


def test_flag_that_contains_another(store: Store, add_study: Callable[..., str]) -> None:
    key = add_study(store)
    measurement = Measurement(name="tg", value=1, unit="K", n_independent=1, flags=("not_drifting_", "a_b"))
    store.record_measurements(key, [measurement])
    assert query(store, with_flags=("drifting",)) == []
    assert query(store, with_flags=("axb",)) == []
    assert len(query(store, with_flags=("a_b", "not_drifting_"))) == 1


def test_selection_is_a_record() -> None:
    assert Selection() == select_results()


def test_two_polymers(store: Store, add_study: Callable[..., str], density: Callable[..., Measurement]) -> None:
    other = Polymer(key="c3d4", psmiles="*CCO*", formula="C2H4O", molar_mass_g_mol=44.05)
    store.finish_study(add_study(store, "s1"), [density(0.8)])
    store.finish_study(add_study(store, "s2", polymer=other), [density(1.1)])
    (row,) = query(store, where="density > 1", status="done")
    assert (row.psmiles, row.formula, row.polymer_key, row.value) == ("*CCO*", "C2H4O", "c3d4", 1.1)
