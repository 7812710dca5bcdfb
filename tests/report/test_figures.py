"""Figures hold the numbers they are made from, and mark the part that was used."""

import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from made_up import CRITERIA, CURVES
from matplotlib.figure import Figure

from polyomics.errors import InvalidSettings, NoFigure
from polyomics.records import Curve
from polyomics.report.figures import (
    PANELS,
    curve_groups,
    equilibration_figure,
    history_figure,
    internal_distances_figure,
    properties_with_figure,
    property_figure,
)
from polyomics.report.recorded import RecordedRun
from polyomics.report.style import ROLES, check_ending, save_image, svg


def texts(figure: Figure) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_the_history_draws_every_row_where_it_belongs_and_shades_the_part_used(run: RecordedRun) -> None:
    panels = history_figure(run, 0.85).axes
    assert len(panels) == len(PANELS) + 1
    sample, melt = run.sample, run.melt
    assert sample is not None
    assert melt is not None
    drawn = np.concatenate([line.get_xydata() for line in panels[0].lines if len(line.get_xdata()) > 2])
    expected = np.concatenate(
        [np.column_stack([s.start_ps + s.thermo["time_ps"], s.thermo["density_g_cm3"]]) for s in (melt, sample)]
    )
    assert drawn == pytest.approx(expected)
    assert any(line.get_ydata()[0] == 0.85 for line in panels[0].lines)
    for axes in panels:
        (shaded,) = [patch for patch in axes.patches if patch.get_width() > 0]
        assert shaded.get_x() == pytest.approx(sample.start_ps + run.first_used_ps(sample))
        assert shaded.get_x() + shaded.get_width() == pytest.approx(sample.end_ps)
    names = {text.get_text() for text in panels[0].texts}
    assert {"melt", "sample"} <= names


def test_the_dashboard_has_distances_and_verdicts(run: RecordedRun) -> None:
    figure = equilibration_figure(run)
    written = texts(figure)
    for criterion in CRITERIA:
        assert criterion.name.replace("_", " ") in written
    assert {"✓", "✗", "?"} <= set(written)
    curves = internal_distances_figure(run).axes[0].lines
    assert len(curves) == 2
    for line, stage in zip(curves, (run.melt, run.sample), strict=True):
        chains = run.chains(stage) if stage is not None else None
        assert chains is not None
        assert line.get_ydata() == pytest.approx(chains.internal_nm2.mean(axis=0) / chains.n_bonds)


def test_curves_share_axes_where_these_have_the_same_names(run_with_curves: RecordedRun) -> None:
    groups = [[curve.name for curve in group] for group in curve_groups(CURVES)]
    assert groups == [["bond_angles"], ["other", "decay", "decay_fit"]]
    apart = [CURVES[-1].model_copy(update={"x_name": "time [ps]"}), CURVES[-2], CURVES[-1]]
    assert [len(group) for group in curve_groups(apart)] == [1, 2]
    bars, decay = property_figure(run_with_curves, "radius_of_gyration").axes
    assert [patch.get_height() for patch in bars.patches] == pytest.approx(CURVES[0].y)
    assert decay.get_ylabel() == "S [nm²]"
    assert (decay.get_yscale(), decay.get_xscale()) == ("log", "linear")
    (fit,) = [line for line in decay.lines if line.get_label() == "decay fit: exp(-x)"]
    assert fit.get_ydata() == pytest.approx(CURVES[3].y)


def test_a_value_without_curve_is_shown_as_the_mean_of_its_series(run: RecordedRun) -> None:
    assert properties_with_figure(run) == ("density", "radius_of_gyration", "specific_volume")
    for name in properties_with_figure(run):
        measured = run.measurement(name)
        assert measured is not None
        axes = property_figure(run, name).axes[0]
        series, mean = axes.lines
        assert mean.get_ydata() == pytest.approx([measured.value] * 2)
        used = series.get_ydata()[series.get_xdata() >= mean.get_xdata()[0]]
        average = np.sqrt((used**2).mean()) if name == "radius_of_gyration" else used.mean()
        assert average == pytest.approx(measured.value)


def test_without_anything_to_draw_it_says_what_there_is(run: RecordedRun, tmp_path: Path) -> None:
    with pytest.raises(NoFigure, match=r"no figure of 'viscosity'; those with one: density, radius_of_gyration, "):
        property_figure(run, "viscosity")
    with pytest.raises(NoFigure, match="has a table"):
        history_figure(RecordedRun(run.study, tmp_path))


@pytest.mark.parametrize("log", [(), ("x",), ("x", "y")])
def test_names_with_dollars_and_values_that_no_logarithm_has_are_drawn(
    run: RecordedRun, log: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    odd = Curve(
        name="_$x^{", property="odd", x_name="$a_{ [cm-1]", y_name=r"\frac$ $", x=(0.0, 1.0), y=(-1.0, 2.0), log=log
    )  # type: ignore[arg-type]
    other = RecordedRun(run.study, tmp_path)
    monkeypatch.setattr(RecordedRun, "curves", (odd, odd.model_copy(update={"name": "b"})))
    figure = property_figure(other, "odd")
    ElementTree.fromstring(svg(figure, "odd", "odd"))
    axes = figure.axes[0]
    assert axes.get_xlabel() == "\\$a_{ [cm⁻¹]"
    assert (axes.get_xscale() == "log", axes.get_yscale() == "log") == ("x" in log, "y" in log)


def test_an_svg_keeps_its_identifiers_to_itself_and_follows_the_page(run: RecordedRun) -> None:
    drawings = {name: svg(history_figure(run), name, f"the {name} & <more>") for name in ("one", "two")}
    for name, text in drawings.items():
        root = ElementTree.fromstring(text)
        assert root.attrib["aria-label"] == f"the {name} & <more>"
        identifiers = re.findall(r'\bid="([^"]+)"', text)
        assert len(set(identifiers)) == len(identifiers)
        assert all(found == name or found.startswith(f"{name}-") for found in identifiers)
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) <= set(identifiers)
        assert "var(--ink)" in text
        assert not any(colour in text for colour in ROLES)
        assert "http" not in text
        assert "<text" not in text


def test_image_files_are_what_their_ending_says_and_always_the_same_bytes(run: RecordedRun, tmp_path: Path) -> None:
    for ending, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        written = [save_image(property_figure(run, "density"), tmp_path / f"{n}{ending}").read_bytes() for n in (1, 2)]
        assert written[0].startswith(start)
        assert written[0] == written[1]
    with pytest.raises(InvalidSettings, match=r"'a.docx' does not end in .png, .svg, .pdf"):
        check_ending(Path("a.docx"))


def test_drawing_leaves_the_settings_of_others_alone(run: RecordedRun) -> None:
    before = dict(matplotlib.rcParams)
    svg(property_figure(run, "density"), "one", "one")
    assert dict(matplotlib.rcParams) == before
