"""Polymers found by pattern and by similarity."""

from collections.abc import Callable
from typing import Any

import pytest

from polyomics.chemistry import parse_repeat_unit, polymer_classes
from polyomics.database import Store, query_studies, select_results
from polyomics.database.rows import Polymer
from polyomics.database.selection import class_name, polymers_of
from polyomics.errors import InvalidPolymer, InvalidSettings, UnknownName

POLYMERS = {
    "pe": "*CC*",
    "ps": "*CC(*)c1ccccc1",
    "pmma": "*CC(*)(C)C(=O)OC",
    "pet": "*CCOC(=O)c1ccc(C(=O)O*)cc1",
    "peo": "*CCO*",
}


@pytest.fixture
def store(url: str, add_study: Callable[..., str]) -> Any:
    with Store.open(url) as opened:
        for key, text in POLYMERS.items():
            unit = parse_repeat_unit(text)
            classes = polymer_classes(unit)
            polymer = Polymer(
                key=unit.key,
                psmiles=unit.psmiles,
                formula=unit.formula,
                molar_mass_g_mol=unit.molar_mass_g_mol,
                polymer_class=classes[0],
                classes=classes,
            )
            add_study(opened, key, polymer=polymer)
        yield opened


def found(store: Store, **settings: Any) -> set[str]:
    return {study.key for study in query_studies(store, **settings)}


@pytest.mark.parametrize(
    ("smarts", "keys"),
    [
        ("c1ccccc1", {"ps", "pet"}),
        ("[CX3](=O)[OX2]", {"pmma", "pet"}),
        ("CCCCCC", {"pe", "ps", "pmma"}),  # across the joints of units of two
        ("COCCOC", {"peo", "pet"}),  # beginning at any atom of the unit
        ("OCCOCC", {"peo"}),
        ("C(=O)OCCOC(=O)", {"pet"}),  # cut anywhere
        ("[#9]", set()),
    ],
)
def test_a_pattern_is_found_wherever_the_unit_was_cut(store: Store, smarts: str, keys: set[str]) -> None:
    assert found(store, smarts=smarts) == keys


@pytest.mark.parametrize("text", ["c1ccccc", "", "C" * 501, "not a pattern"])
def test_what_is_no_pattern_is_refused(store: Store, text: str) -> None:
    with pytest.raises(InvalidSettings, match="SMARTS"):
        found(store, smarts=text)


def test_the_most_similar_is_the_polymer_itself_however_it_is_written(store: Store) -> None:
    assert found(store, similar_to="*C(c1ccccc1)C*", similarity=0.999) == {"ps"}
    assert found(store, similar_to="*C(c1ccccc1)CC(c1ccccc1)C*", similarity=0.6) == {"ps"}
    assert found(store, similar_to="*CC(*)c1ccc(C)cc1", similarity=0.3) == {"ps"}
    with pytest.raises(InvalidPolymer):
        found(store, similar_to="CC")


def test_pattern_and_similarity_go_together_with_the_rest(store: Store) -> None:
    assert found(store, smarts="c1ccccc1", similar_to="*CC(*)c1ccccc1", similarity=0.9) == {"ps"}
    assert found(store, smarts="c1ccccc1", polymer_class="polyester") == {"pet"}
    assert found(store, smarts="c1ccccc1", polymer_class="PSTR") == {"ps"}


def test_a_class_that_does_not_exist_is_told(store: Store) -> None:
    with pytest.raises(UnknownName, match="did you mean 'polyester'"):
        found(store, polymer_class="polyestr")
    assert class_name("pest") == "polyester"


def test_source_and_campaign(store: Store) -> None:
    assert found(store, source="computed") == set(POLYMERS)
    assert found(store, source="radonpy") == set()
    assert found(store, campaign="none") == set()


def test_polymers_that_come_later_are_found_too(store: Store, add_study: Callable[..., str]) -> None:
    assert found(store, smarts="[#9]") == set()
    fluoro = Polymer(key="f", psmiles="*C(F)(F)C(*)(F)F", formula="C2F4", molar_mass_g_mol=100.0)
    add_study(store, "ptfe", polymer=fluoro)
    assert found(store, smarts="[#9]") == {"ptfe"}


def test_more_polymers_than_a_statement_takes_parameters(store: Store) -> None:
    from sqlalchemy import select

    from polyomics.database.listing import is_one_of
    from polyomics.database.tables import Study

    with store.reading() as connection:
        keys = connection.scalars(select(Study.key).where(is_one_of(Study.id, range(200_000)))).all()
    assert set(keys) == set(POLYMERS)


def test_only_structures_that_are_asked_for_are_read(store: Store) -> None:
    assert polymers_of(store, select_results(preset="demo")) is None


def test_ctrl_c_waits_for_a_search_to_be_whole() -> None:
    import signal

    from polyomics.database.structures import whole_searches

    went_on = False
    with pytest.raises(KeyboardInterrupt), whole_searches():
        signal.raise_signal(signal.SIGINT)
        went_on = True
    assert went_on
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
