import pytest
from pydantic import ValidationError

from polyomics.records import Measurement, digest


def test_a_digest_knows_values_not_their_order() -> None:
    assert digest({"a": 1, "b": [1.5, "x"]}) == digest({"b": [1.5, "x"], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_a_value_without_an_error_bar_needs_a_flag_that_says_why() -> None:
    with pytest.raises(ValidationError, match="no error bar"):
        Measurement(name="density", value=1.0, unit="g/cm3", n_independent=2)
    Measurement(name="density", value=1.0, unit="g/cm3", n_independent=2, flags=("few_samples",))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_is_a_number(value: float) -> None:
    with pytest.raises(ValidationError):
        Measurement(name="density", value=value, stderr=0.1, unit="g/cm3", n_independent=20)


def test_records_refuse_unknown_fields_and_changes() -> None:
    with pytest.raises(ValidationError):
        Measurement(name="a", value=1, stderr=0, unit="1", n_independent=9, colour="red")  # type: ignore[call-arg]
    measured = Measurement(name="a", value=1, stderr=0, unit="1", n_independent=9)
    with pytest.raises(ValidationError):
        measured.value = 2  # type: ignore[misc]
