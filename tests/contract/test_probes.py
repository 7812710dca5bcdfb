"""What every probe owes the protocols it is added to, and the properties that are measured on it."""

import pytest

from polyomics.errors import InvalidSettings
from polyomics.md.probes import EFFORTS, PROBES, Effort, probed
from polyomics.md.protocol import Protocol
from polyomics.md.protocols import PROTOCOLS, Target
from polyomics.md.stages.npt import Npt
from polyomics.properties import PROPERTIES
from polyomics.request import measurable

STARTS = {"sample", "melt"}
EVERY = [(name, effort) for name in PROBES.names() for effort in EFFORTS]
ROLES_OF_EQUILIBRATION = {"sample", "melt", "neighbour", "vibrations"}
"""Roles that one stage or the protocol's own stages have; those of a probe would be taken for them."""


def hosts(name: str, effort: Effort) -> list[Protocol]:
    """Named protocols that have the stage the probe starts after."""
    start = PROBES[name](Target(), effort)[0].after
    built = [build(Target()) for _, build in PROTOCOLS.items()]
    return [one for one in built if any(start in (stage.name, getattr(stage, "role", None)) for stage in one.stages)]


@pytest.mark.parametrize("name", PROBES.names())
def test_it_says_what_it_is_for(name: str) -> None:
    first = (PROBES[name].__doc__ or "").strip().split("\n")[0]
    assert first.endswith(".")
    assert len(first) > 20


@pytest.mark.parametrize(("name", "effort"), EVERY)
def test_its_first_stage_starts_from_an_equilibrated_cell(name: str, effort: Effort) -> None:
    stages = PROBES[name](Target(), effort)
    assert stages[0].after in STARTS
    own = {stage.name for stage in stages}
    assert {stage.after for stage in stages if stage.after is not None} <= STARTS | own


@pytest.mark.parametrize(("name", "effort"), EVERY)
def test_its_stages_do_not_pass_for_those_of_protocols(name: str, effort: Effort) -> None:
    stages = PROBES[name](Target(), effort)
    names = [stage.name for stage in stages]
    assert len(set(names)) == len(names)
    taken = {stage.name for _, build in PROTOCOLS.items() for stage in build(Target()).stages}
    assert not taken.intersection(names)
    assert not ROLES_OF_EQUILIBRATION.intersection(getattr(stage, "role", None) for stage in stages)


@pytest.mark.parametrize("effort", EFFORTS)
def test_no_two_probes_have_stages_of_one_name(effort: Effort) -> None:
    names = [stage.name for name in PROBES.names() for stage in PROBES[name](Target(), effort)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(("name", "effort"), EVERY)
@pytest.mark.parametrize("target", [Target(), Target(temperature_k=450.0, glass_transition_guess_k=250.0)])
def test_the_probed_protocol_is_one_and_comes_back_from_yaml(name: str, effort: Effort, target: Target) -> None:
    """The stage to measure on stays the protocol's, and the probe is not added twice."""
    for host in hosts(name, effort):
        longer = probed(host, [name], target, effort)
        assert longer.stages[: len(host.stages)] == host.stages
        assert longer.sample == host.sample
        assert Protocol.from_yaml(longer.to_yaml()) == longer
        assert probed(longer, [name], target, effort) == longer


@pytest.mark.parametrize(("name", "effort"), EVERY)
def test_it_gives_properties_that_the_protocol_alone_does_not(name: str, effort: Effort) -> None:
    """Some that name it with any effort, all where published sets have them; and none is lost."""
    own = {item for item, kind in PROPERTIES.items() if kind.probe == name}
    assert own
    found = hosts(name, effort)
    assert found
    for host in found:
        before, after = set(measurable(host)), set(measurable(probed(host, [name], Target(), effort)))
        assert own & after
        assert own <= after or effort in ("smoke", "demo")
        assert before <= after
        assert not own & before


@pytest.mark.parametrize("name", PROBES.names())
def test_more_effort_costs_more(name: str) -> None:
    """Every prolongation counted: a stage may be short and be prolonged where it has to be."""
    steps = [
        sum(stage.n_steps * (1 + stage.most_extensions) for stage in PROBES[name](Target(), effort))
        for effort in EFFORTS
    ]
    assert steps == sorted(set(steps))


@pytest.mark.parametrize("name", PROBES.names())
def test_smoke_is_over_in_seconds(name: str) -> None:
    """A few picoseconds: 20,000 steps of 300 atoms take half a minute of one core."""
    assert sum(stage.n_steps * (1 + stage.most_extensions) for stage in PROBES[name](Target(), "smoke")) <= 20_000


def test_a_stage_of_a_name_that_the_probe_brings_too_is_refused() -> None:
    stages = (
        Npt(name="sample", role="sample", temperature_k=300.0, duration_ps=1.0),
        Npt(name="breathe", temperature_k=300.0, duration_ps=1.0),
    )
    with pytest.raises(InvalidSettings, match=r"brings a stage 'breathe'.*rename that one"):
        probed(Protocol(name="mine", stages=stages), ["elasticity"], Target(), "smoke")
