"""No text becomes markup."""

from html.parser import HTMLParser

import pytest

from polyomics.report.html import Markup, element, joined, table, with_doi_links
from polyomics.report.text import axis_text, plain, unit_text, with_error

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


class Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_and_attributes_are_escaped_and_markup_is_not() -> None:
    seen = Seen(
        element("p", HOSTILE, element("b", "x"), Markup("<i>y</i>"), None, title=HOSTILE, class_="c", data_a=None)
    )
    assert seen.tags == ["p", "b", "i"]
    assert seen.text == HOSTILE + "xy"
    assert seen.attributes == [("title", HOSTILE), ("class", "c")]
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert element("details", hidden=True, open=False) == "<details hidden></details>"


def test_a_table_escapes_its_cells_and_wants_as_many_as_headings() -> None:
    seen = Seen(table(("a", HOSTILE), [(HOSTILE, "1")]))
    assert set(seen.tags) == {"div", "table", "thead", "tbody", "tr", "th", "td"}
    assert seen.text.count(HOSTILE) == 2
    with pytest.raises(ValueError, match="zip"):
        table(("a", "b"), [("1",)])


def test_dois_become_links_and_nothing_else_does() -> None:
    text = "Yeh & Hummer 2004, DOI 10.1021/jp0477147; <b> DOI 10.1016/0009-2614(95)00905-J, p. 3."
    seen = Seen(joined(with_doi_links(text)))
    assert seen.text == text
    assert [value for name, value in seen.attributes if name == "href"] == [
        "https://doi.org/10.1021/jp0477147",
        "https://doi.org/10.1016/0009-2614(95)00905-J",
    ]
    assert set(seen.tags) == {"a"}


@pytest.mark.parametrize(
    ("value", "stderr", "expected"),
    [
        (1.0234, 0.0041, "1.0234 ± 0.0041"),
        (1626.2, 235.4, "1626 ± 235"),
        (0.00061, 0.0002, "0.00061 ± 0.00020"),
        (1.234e-11, 2.1e-12, "(1.23 ± 0.21)e-11"),
        (-3.2e8, 4e6, "(-3.200 ± 0.040)e8"),
        (0.767, None, "0.7670 ± –"),
    ],
)
def test_errors_have_two_digits_and_values_as_many_places(value: float, stderr: float | None, expected: str) -> None:
    assert with_error(value, stderr) == expected


def test_units_have_raised_powers_and_names_of_axes_only_in_their_unit() -> None:
    units = {"g/cm3": "g/cm³", "m2/s": "m²/s", "J/(kg K)": "J/(kg K)", "1": "", "cm-1": "cm⁻¹", "1/GPa": "1/GPa"}
    units |= {"MPa^0.5": "MPa⁰·⁵", "(J/cm3)^0.5": "(J/cm³)⁰·⁵"}
    assert {unit: unit_text(unit) for unit in units} == units
    assert axis_text("q4 of C2 [1/nm2]") == "q4 of C2 [1/nm²]"
    assert axis_text("order [1]") == "order"
    assert plain("specific_volume") == "specific volume"
