"""What is said of values with too few samples."""

from polyomics.cli.render import longer_sampling
from polyomics.records import Measurement


def measurement(name: str, n_independent: float, *flags: str) -> Measurement:
    return Measurement(name=name, value=1.0, stderr=0.1, unit="1", n_independent=n_independent, flags=flags)


def test_it_says_how_much_longer_to_sample_the_worst_first() -> None:
    advice = longer_sampling(
        [measurement("a", 5.0, "few_samples"), measurement("b", 2.0, "few_samples"), measurement("c", 50.0)]
    )
    assert advice.endswith("b 5, a 2")


def test_it_is_silent_where_there_are_enough() -> None:
    assert longer_sampling([measurement("a", 12.0)]) == ""
