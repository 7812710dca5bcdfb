"""Studies made up for the API: values that follow from a number, and files."""

import hashlib
from pathlib import Path
from typing import Any

from polyomics.chemistry import parse_repeat_unit
from polyomics.chemistry.polymer_class import polymer_classes
from polyomics.database import Artifact, NewStudy, Polymer, Store
from polyomics.records import Criterion, Failure, Measurement

HERE = "http://127.0.0.1"
UNITS = (
    *("*CC*", "*CC(*)C", "*CC(*)c1ccccc1", "*CC(*)C(=O)OC", "*CCO*", "*CC(*)O", "*CC(*)Cl", "*CC(*)(F)F"),
    *("*CC(*)C#N", "*CC(*)(C)C(=O)OC", "*C(=O)CCCCCN*", "*Oc1ccc(C(C)(C)c2ccc(OC(*)=O)cc2)cc1", "*CC=CC*"),
    *("*c1ccc(*)cc1", "*C(=O)c1ccc(C(=O)OCCO*)cc1", "*CC(*)OC(C)=O", "*CC(*)(C)C", "*OC(C)C(*)=O", "*CC(*)CC"),
)
REPORT = "<!doctype html><title>page of a study</title><script>document.title = 'moved'</script>"


def polymer(psmiles: str) -> Polymer:
    unit = parse_repeat_unit(psmiles)
    classes = tuple(polymer_classes(unit))
    return Polymer(
        key=unit.key,
        psmiles=unit.psmiles,
        formula=unit.formula,
        molar_mass_g_mol=unit.molar_mass_g_mol,
        polymer_class=next(iter(classes), "unclassified"),
        classes=classes,
    )


def key_of(number: int, replicate: int = 0) -> str:
    return hashlib.sha256(f"{number} {replicate}".encode()).hexdigest()[:40]


def add_study(store: Store, number: int, replicate: int = 0, **changes: Any) -> str:
    """A finished study of one of `UNITS`, whose density is 0.8 + 0.02 number g/cm3."""
    key = key_of(number, replicate)
    fields: dict[str, Any] = {
        "key": key,
        "polymer": polymer(UNITS[number % len(UNITS)]),
        "spec": {"polymer": {"psmiles": UNITS[number % len(UNITS)]}, "seed": replicate, "replicate": replicate},
        "preset": "standard" if number % 2 else "demo",
        "seed": replicate,
        "replicate": replicate,
        "temperature_k": 300.0,
        "pressure_bar": 1.01325,
        "run_folder": f"runs/{key}",
    }
    study = NewStudy(**(fields | changes))
    store.add_study(study)
    flags = () if number % 2 else ("demo_quality",)
    states: dict[str, Any] = {"n_independent": 20, "temperature_k": 300.0, "pressure_bar": 1.01325}
    values = [
        Measurement(name="density", value=0.8 + 0.02 * number, stderr=0.004, unit="g/cm3", flags=flags, **states),
        Measurement(
            name="radius_of_gyration", value=0.9 + 0.01 * number, stderr=0.05, unit="nm", flags=flags, **states
        ),
    ]
    if number % 3:
        name, flag = "glass_transition_temperature", ("fast_cooling",)
        values.append(Measurement(name=name, value=200.0 + 10 * number, unit="K", flags=flag, n_independent=4))
    verdict = "pass" if number % 4 else "fail"
    store.finish_study(
        study.key,
        values,
        criteria=[
            Criterion(name="equilibrium", verdict=verdict, value=None, threshold=None, unit="1", message="all in all")
        ],
        failures=[Failure(stage="self_diffusion", kind="NotEnoughData", message="it hardly moves")],
        provenance={"polyomics": "0.1.0", "openmm": "8.6.1"},
    )
    return study.key


def url_of(home: Path) -> str:
    return f"sqlite:///{home / 'polyomics.db'}"


def add_report(store: Store, home: Path, key: str, text: str) -> Path:
    return add_file(store, home, key, "results/report.html", text.encode())


def add_file(store: Store, home: Path, key: str, name: str, content: bytes) -> Path:
    """A file in the run folder of a study, registered."""
    path = home / "runs" / key / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    register(store, key, f"runs/{key}/{name}", content)
    return path


def register(store: Store, key: str, path: str, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    kind = path.rsplit("/", 1)[-1].split(".")[0] or "file"
    store.record_artifacts(key, [Artifact(kind=kind, path=path, size_bytes=len(content), sha256=digest)])
