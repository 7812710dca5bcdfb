import pytest

from polyomics.errors import UnknownName
from polyomics.forcefield.charges import CHARGE_MODELS
from polyomics.forcefield.families import FAMILIES
from polyomics.md.protocols import PROTOCOLS
from polyomics.md.stage import STAGES
from polyomics.presets import PRESETS
from polyomics.properties import PROPERTIES
from polyomics.registry import Registry

ALL = [CHARGE_MODELS, FAMILIES, PROTOCOLS, STAGES, PRESETS, PROPERTIES]


@pytest.mark.parametrize("registry", ALL, ids=lambda registry: registry.kind)
def test_a_misspelt_name_lists_the_known_ones(registry: Registry[object]) -> None:
    names = registry.names()
    assert names
    misspelt = names[0][:-1] + "#"
    with pytest.raises(UnknownName) as caught:
        registry[misspelt]
    assert all(name in str(caught.value) for name in names)
    assert f"did you mean {names[0]!r}" in str(caught.value)


@pytest.mark.parametrize("registry", ALL, ids=lambda registry: registry.kind)
def test_a_name_has_one_owner(registry: Registry[object]) -> None:
    with pytest.raises(ValueError, match=registry.names()[0]):
        registry.register(registry.names()[0])(object())
