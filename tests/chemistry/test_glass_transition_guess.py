"""The guess is what the reference table says it is, and does not depend on how a polymer is written."""

import numpy as np
import pytest

from polyomics.chemistry import parse_repeat_unit
from polyomics.chemistry.glass_transition import COEFFICIENTS_K, features, glass_transition_guess_k
from polyomics.reference import experimental_values


def table() -> tuple[np.ndarray, np.ndarray]:
    rows = [v for v in experimental_values() if v.property == "glass_transition_temperature" and "Si" not in v.psmiles]
    return np.array([features(parse_repeat_unit(v.psmiles)) for v in rows]), np.array([v.value for v in rows])


def fitted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    penalty = 0.02 * np.diag([0.0] + [1.0] * (x.shape[1] - 1))
    return np.linalg.solve(x.T @ x + penalty, x.T @ y)


def test_coefficients_are_those_of_the_reference_table() -> None:
    assert fitted(*table()) == pytest.approx(COEFFICIENTS_K, abs=0.6)


def test_polymers_left_out_are_missed_by_what_is_stated() -> None:
    x, y = table()
    missed = [x[i] @ fitted(np.delete(x, i, 0), np.delete(y, i)) - y[i] for i in range(len(y))]
    assert np.sqrt(np.mean(np.square(missed))) == pytest.approx(47, abs=1)


@pytest.mark.parametrize("written", ["*CC(*)c1ccccc1", "*C(c1ccccc1)C*", "*CC(c1ccccc1)CC(*)c1ccccc1"])
def test_any_way_to_write_polystyrene_gives_one_guess(written: str) -> None:
    guess_k = glass_transition_guess_k(parse_repeat_unit(written))
    assert guess_k == pytest.approx(glass_transition_guess_k(parse_repeat_unit("*CC(*)c1ccccc1")))
    assert 320 < guess_k < 440


def test_a_rubber_is_below_a_glass() -> None:
    rubber, glass = (glass_transition_guess_k(parse_repeat_unit(s)) for s in ("*CCO*", "*Oc1c(C)cc(*)cc1C"))
    assert rubber < 260 < 400 < glass
