"""Studies made up for frames."""

from typing import Any

from polyomics.chemistry import parse_repeat_unit, polymer_classes
from polyomics.database import NewStudy, Polymer, Store
from polyomics.records import Measurement


def polymer(psmiles: str) -> Polymer:
    unit = parse_repeat_unit(psmiles)
    classes = polymer_classes(unit)
    return Polymer(
        key=unit.key,
        psmiles=unit.psmiles,
        formula=unit.formula,
        molar_mass_g_mol=unit.molar_mass_g_mol,
        polymer_class=classes[0],
        classes=classes,
    )


def value(name: str, number: float, unit: str, temperature_k: float | None = 300.0, **more: Any) -> Measurement:
    fields = {"stderr": 0.1 * abs(number), "n_independent": 7.0, "pressure_bar": 1.0} | more
    return Measurement(name=name, value=number, unit=unit, temperature_k=temperature_k, **fields)


def enter(store: Store, key: str, psmiles: str, values: list[Measurement], **more: Any) -> None:
    fields: dict[str, Any] = {
        "spec": {"polymer": {"psmiles": psmiles}, "temperature_k": more.get("temperature_k", 300.0)},
        "preset": "demo",
        "seed": 7,
        "replicate": 0,
        "temperature_k": 300.0,
        "pressure_bar": 1.0,
        "run_folder": f"runs/{key}",
    }
    criteria = more.pop("criteria", ())
    fields |= more
    fields["spec"] |= {"seed": fields["seed"], "replicate": fields["replicate"]}
    store.add_study(NewStudy(key=key, polymer=polymer(psmiles), **fields))
    store.finish_study(key, values, criteria=criteria)
