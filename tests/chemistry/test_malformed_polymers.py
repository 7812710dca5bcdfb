"""Whatever is typed: a repeat unit that reads itself, or one clear sentence, and never a wait."""

import time

from example_polymers import COMMON, UNUSUAL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyomics.chemistry import parse_repeat_unit
from polyomics.errors import InvalidPolymer

PIECES = [
    *"CNOSFPIBcnosp()[]=#-+@/\\.%0123456789*:HXrl$~> ",
    *["Cl", "Br", "[*]", "(*)", "[C@H]", "[C@@H]", "c1ccccc1", "(=O)", "[2H]", "[13C]", "[N+]", "[O-]", "[nH]"],
    *["C1CC1", "/C=C/", "/C=C\\", "S(=O)(=O)", "[Si]", "[Na+]", "[*:1]", "%99", "[C@TB1H]", "[#6]", "[999C]"],
]
VALID = [*COMMON.values(), *UNUSUAL.values()]
LIMITS = settings(
    max_examples=700,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(text)))
        removed = draw(st.integers(0, 3))
        text = text[:place] + draw(st.sampled_from(["", *PIECES])) + text[place + removed :]
    return text


@st.composite
def built(draw: st.DrawFn) -> str:
    middle = "".join(draw(st.lists(st.sampled_from(PIECES), max_size=14)))
    return "*" + middle + draw(st.sampled_from(["*", "(*)C", ""]))


def check(text: str) -> None:
    start = time.monotonic()
    sentence, unit = "", None
    try:
        unit = parse_repeat_unit(text)
    except InvalidPolymer as error:
        sentence = str(error)
    if unit is None:
        assert len(sentence) > 20
        assert "\n" not in sentence
    else:
        assert parse_repeat_unit(unit.psmiles).key == unit.key
    assert time.monotonic() - start < 5.0


@LIMITS
@given(st.text(max_size=60))
def test_random_text(text: str) -> None:
    check(text)


@LIMITS
@given(mutated())
def test_repeat_units_with_mistakes(text: str) -> None:
    check(text)


@LIMITS
@given(built())
def test_tokens_in_any_order(text: str) -> None:
    check(text)
