"""A study from one row of a file of PolyOmics or RadonPy: values in our units, and what is no value."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from polyomics.database.imports import FinishedStudy
from polyomics.database.rows import Polymer
from polyomics.errors import InvalidInputFile, InvalidPolymer
from polyomics.interchange.columns import (
    BY_PROPERTY,
    EXACT,
    HIGHEST_TG_K,
    IDENTITY,
    LARGEST_TG_RESIDUAL,
    LOWEST_TG_K,
    NOTES,
    OF_A_MEAN,
    SETTINGS,
    VERSIONS,
    Column,
    column_of,
    plain_name,
)
from polyomics.interchange.identities import IDENTITIES, INCONSISTENT, broken
from polyomics.interchange.units import NEEDED, UnitFound
from polyomics.records import Criterion, Failure, Measurement, Verdict, digest
from polyomics.units import BAR_PER_ATM

if TYPE_CHECKING:
    from polyomics.chemistry.structure import StructureKeys

IMPORTED = "imported"
"""Flag of every value that polyomics did not compute."""
NO_VALUE = frozenset({"", "none", "null", "na", "n/a"})
"""What stands for a value that is not there."""
FLAGS_COLUMN = "polyomics_flags"
"""Column of a file that polyomics wrote: flags by property, as JSON."""
NOT_STATED = "not stated"
"""What a request says of a force field or charges that the row does not name."""
UNIT_MISFIT = 0.01
"""How far the mass of their repeat unit may be from a multiple of ours."""


@dataclass(frozen=True)
class DescribedPolymer:
    """A repeat unit, ready to be entered."""

    polymer: Polymer
    structure: StructureKeys | None


@lru_cache(maxsize=2000)
def describe(psmiles: str) -> DescribedPolymer:
    """The polymer of a text.

    Raises:
        InvalidPolymer: It is no repeat unit that polyomics takes.
    """
    from polyomics.chemistry import parse_repeat_unit, polymer_classes
    from polyomics.chemistry.polymer_class import UNCLASSIFIED
    from polyomics.chemistry.structure import structure_keys

    unit = parse_repeat_unit(psmiles)
    classes = polymer_classes(unit)
    polymer = Polymer(
        key=unit.key,
        psmiles=unit.psmiles,
        formula=unit.formula,
        molar_mass_g_mol=unit.molar_mass_g_mol,
        polymer_class=next(iter(classes), UNCLASSIFIED),
        classes=classes,
    )
    return DescribedPolymer(polymer, structure_keys(unit.psmiles))


def described_or_problem(psmiles: str) -> DescribedPolymer | str:
    """As `describe`, with the sentence instead of the error; to be called in another process."""
    try:
        return describe(psmiles)
    except InvalidPolymer as error:
        return str(error)


@dataclass(frozen=True)
class _Place:
    """Where a column and what belongs to it are in a row."""

    column: Column
    at: int
    factor: float
    beside: Mapping[str, int]
    """Ending ("_std") -> place."""


@dataclass
class _Found:
    """What was made of a row so far."""

    measurements: dict[str, Measurement] = field(default_factory=dict)
    failures: dict[tuple[str, str], Failure] = field(default_factory=dict)

    def fail(self, prop: str, kind: str, message: str) -> None:
        self.failures.setdefault((prop, kind), Failure(stage=prop, kind=kind, message=message))


@dataclass
class Tally:
    """What was found in the rows of a file."""

    n_values: int = 0
    """Values."""
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(property, kind) -> number."""
    identities: dict[str, list[int]] = field(default_factory=dict)
    """Identity -> number of rows it was held against, number in which it is broken."""
    other_units: int = 0
    """Rows whose repeat unit is a multiple of ours."""
    misfits: int = 0
    """Rows whose repeat unit has another mass than the file says."""
    restored_errors: int = 0
    """Values of two runs whose standard deviation was zero, restored from the smallest and largest."""


@dataclass
class FileFormat:
    """How the rows of one file are read."""

    source: str
    """Name of the data set."""
    header: Sequence[str]
    """Names of the columns, as the file has them."""
    units: Mapping[str, UnitFound]
    """Units told by the numbers."""
    divides_by_n: bool = False
    """Whether standard deviations are of a population (divided by n) instead of a sample (n - 1)."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Provenance that all rows share."""

    def __post_init__(self) -> None:
        self.names = [plain_name(name) for name in self.header]
        self._at = {name: place for place, name in enumerate(self.names) if name}
        self._places = [self._place(name) for name in self.names if column_of(name) is not None]
        if "smiles_list" not in self._at and "smiles_1" not in self._at:
            raise InvalidInputFile(
                f"the header begins {', '.join(self.header[:6])!r}; a file of PolyOmics or RadonPy has a column "
                "smiles_list, smiles_1 or smiles"
            )
        if not self._places:
            raise InvalidInputFile("none of the columns is a property that PolyOmics or RadonPy has, such as density")
        self._is_of_means = any(f"{place.column.name}_count" in self._at for place in self._places)
        self.is_ours = FLAGS_COLUMN in self._at

    def _place(self, name: str) -> _Place:
        column = column_of(name)
        assert column is not None
        factor = self.units[name].factor if name in self.units else column.factor
        beside = {
            end: self._at[name + end] for end in (*OF_A_MEAN, "_stderr", "_n_independent") if name + end in self._at
        }
        return _Place(column, self._at[name], factor, beside)

    # ---------------------------------------------------------------- one row

    def text(self, fields: Sequence[str], name: str) -> str:
        """Text of a field; "" where there is no such column or no value."""
        place = self._at.get(name)
        text = "" if place is None else fields[place].strip()
        return "" if text.lower() in NO_VALUE or text.lower() == "nan" else text

    def number(self, fields: Sequence[str], name: str) -> float | None:
        """Number of a field; None where it is not one."""
        try:
            value = float(self.text(fields, name))
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def numbers_for_units(self, fields: Sequence[str]) -> list[float | None]:
        """What units are told by, in the order of `units.NEEDED`."""
        return [self.number(fields, name) for name in NEEDED]

    def psmiles(self, fields: Sequence[str]) -> str:
        """The repeat unit as the file has it.

        Raises:
            InvalidPolymer: There is none, or several.
        """
        text = self.text(fields, "smiles_list") or self.text(fields, "smiles_1")
        if not text:
            raise InvalidPolymer("no SMILES")
        if self.text(fields, "smiles_2") or "," in text:
            raise InvalidPolymer("a copolymer; only homopolymers are taken")
        return text

    def content_digest(self, fields: Sequence[str]) -> str:
        """Digest of everything a row says, wherever its columns are."""
        return digest({name: text for name, text in zip(self.names, fields, strict=True) if name and text})

    def identity(self, fields: Sequence[str]) -> str:
        """What tells a row from all others of the data set, also in another version of the file."""
        unique = self.text(fields, "UUID") or (self.text(fields, "monomer_ID") if self._is_of_means else "")
        return unique or self.content_digest(fields)

    def study_key(self, fields: Sequence[str]) -> str:
        """Key of the study that a row becomes."""
        return digest(["imported", self.source, self.identity(fields)])[:20]

    def request(self, fields: Sequence[str]) -> dict[str, Any]:
        """What the row says of how it was simulated; the same for replicates."""
        settings = {name: self.text(fields, name) for name in SETTINGS}
        n_chains = self.number(fields, "n_mol") or self.number(fields, "input_nchain")
        place = self._at.get("tacticity")
        tacticity = "" if place is None else fields[place].strip()  # "none" is one: there is no stereocentre
        return {
            "polymer": {name: value for name, value in (("tacticity", tacticity),) if value},
            "cell": {} if n_chains is None else {"n_chains": round(n_chains)},
            "force_field": {
                "family": self.text(fields, "forcefield").lower() or NOT_STATED,
                "charges": self.text(fields, "charge").lower() or NOT_STATED,
            },
            "conditions": {
                "temperature_k": self._temperature_k(fields),
                "pressure_bar": self._pressure_bar(fields),
            },
            "imported": {"source": self.source, **{name: text for name, text in settings.items() if text}},
        }

    def study(
        self, fields: Sequence[str], line: int, described: DescribedPolymer, replicate: int, tally: Tally
    ) -> FinishedStudy:
        """The study of a row.

        Args:
            fields: The row.
            line: Its line.
            described: Its polymer.
            replicate: Number of rows of the same request before it.
            tally: Counts what is found.
        """
        found = _Found()
        temperature_k, pressure_bar = self._temperature_k(fields), self._pressure_bar(fields)
        self._take_values(fields, found, (temperature_k, pressure_bar), tally)
        self._judge_heat_flow(fields, found)
        self._judge_glass_transition(found)
        self._hold_identities(fields, found, tally)
        request = self.request(fields)
        n_units = self._n_units(fields, described.polymer, tally)
        request["polymer"] = {"psmiles": described.polymer.psmiles, **n_units, **request["polymer"]}
        tally.n_values += len(found.measurements)
        tally.failures.update(list(found.failures))
        key = self.study_key(fields)
        return FinishedStudy(
            key=key,
            source=self.source,
            polymer=described.polymer,
            structure=described.structure,
            spec=request,
            temperature_k=temperature_k,
            pressure_bar=pressure_bar,
            run_folder=f"imports/{self.source}/{key}",
            replicate=replicate,
            measurements=list(found.measurements.values()),
            criteria=self._criteria(fields),
            failures=list(found.failures.values()),
            provenance=self._provenance(fields, line),
        )

    def _temperature_k(self, fields: Sequence[str]) -> float:
        value = self.number(fields, "temp")
        return 300.0 if value is None or value <= 0 else value

    def _pressure_bar(self, fields: Sequence[str]) -> float:
        value = self.number(fields, "press")
        return BAR_PER_ATM * (1.0 if value is None else value)

    def _n_units(self, fields: Sequence[str], polymer: Polymer, tally: Tally) -> dict[str, int]:
        """Repeat units in a chain, of ours: theirs may be several of them."""
        mass = self.number(fields, "mol_weight_monomer1")
        units = 1
        if mass is not None:
            ratio = mass / polymer.molar_mass_g_mol
            units = max(1, round(ratio))
            tally.misfits += abs(ratio / units - 1.0) > UNIT_MISFIT
            tally.other_units += units > 1
        degree = self.number(fields, "DP")
        return {} if degree is None else {"n_units": round(degree) * units}

    # ---------------------------------------------------------------- values

    def _take_values(self, fields: Sequence[str], found: _Found, state: tuple[float, float], tally: Tally) -> None:
        own_flags = self._own_flags(fields)
        common = () if self.text(fields, "check_eq").lower() != "false" else ("not_equilibrated",)
        for place in self._places:
            value = self._value(fields, place, found)
            if value is None:
                continue
            column = place.column
            stderr, n_independent, flags = self._error(fields, place, tally)
            if own_flags is not None:
                flags = tuple(own_flags.get(column.property, ()))
            else:
                flags = (*flags, *column.flags, *common)
            found.measurements[column.property] = Measurement(
                name=column.property,
                value=value,
                stderr=stderr,
                unit=column.unit,
                n_independent=n_independent,
                flags=tuple(dict.fromkeys((*flags, IMPORTED))),
                temperature_k=None if column.state == "none" else state[0],
                pressure_bar=state[1] if column.state == "temperature and pressure" else None,
            )

    def _value(self, fields: Sequence[str], place: _Place, found: _Found) -> float | None:
        """The value in our unit, or None; one that can be none is noted as a failure."""
        text = fields[place.at].strip()
        if text.lower() in NO_VALUE:
            return None
        column = place.column
        try:
            value = float(text) * place.factor
        except ValueError:
            found.fail(column.property, "NotANumber", f"the column {column.name} has {text[:60]!r}")
            return None
        if not math.isfinite(value):
            found.fail(column.property, "NotFinite", f"the column {column.name} has {text}")
            return None
        if column.fit == "glass transition":
            return value
        if not column.low <= value <= column.high:
            found.fail(column.property, "NotPhysical", _outside(column, value))
            return None
        return value

    def _error(self, fields: Sequence[str], place: _Place, tally: Tally) -> tuple[float | None, float, tuple[str, ...]]:
        """Standard error in our unit, independent samples, and flags."""

        def beside(end: str) -> float | None:
            return None if end not in place.beside else _number(fields[place.beside[end]])

        stderr, n_own = beside("_stderr"), beside("_n_independent")
        if n_own is not None:
            return (None if stderr is None else stderr * place.factor), n_own, ()
        if EXACT in place.column.flags:
            return None, 1.0, ()
        count, deviation = beside("_count"), beside("_std")
        n = 1.0 if count is None else count
        if n < 2 or deviation is None:
            return None, n, ("few_samples",)
        low, high = beside("_min"), beside("_max")
        if n == 2 and deviation == 0.0 and low is not None and high is not None and high > low:
            deviation = (high - low) / math.sqrt(2.0)
            tally.restored_errors += 1
        elif self.divides_by_n:
            deviation *= math.sqrt(n / (n - 1.0))
        if deviation <= 0.0:
            return None, n, ("constant",)
        return deviation / math.sqrt(n) * place.factor, n, ("few_samples",) if n < 10 else ()

    def _own_flags(self, fields: Sequence[str]) -> dict[str, list[str]] | None:
        text = self.text(fields, FLAGS_COLUMN)
        if not text:
            return None
        try:
            flags = json.loads(text)
        except ValueError:
            return None
        return flags if isinstance(flags, dict) else None

    # ---------------------------------------------------------------- fits

    def _judge_heat_flow(self, fields: Sequence[str], found: _Found) -> None:
        """A heat conduction that failed its own test of linearity, or is out of bounds, takes all its parts along."""
        value = found.measurements.get("thermal_conductivity")
        remarks = self.text(fields, "remarks")
        said = f"; remarks: {remarks[:200]}" if remarks else ""
        if self.text(fields, "check_tc").lower() == "false":
            what = f"thermal conductivity {value.value:.4g} {value.unit}" if value else "no thermal conductivity"
            if value or self.text(fields, "do_TC").lower() != "false":
                found.fail("thermal_conductivity", "NotLinear", f"check_tc is False: {what}{said}")
            else:
                found.fail("thermal_conductivity", "NotComputed", f"do_TC is False: {what}{said}")
        reason = found.failures.get(("thermal_conductivity", "NotLinear")) or found.failures.get(
            ("thermal_conductivity", "NotPhysical")
        )
        if reason is not None:
            _drop(found, "heat flow", reason)

    def _judge_glass_transition(self, found: _Found) -> None:
        """A fit of Tg outside its bounds, or with large residuals, takes all its parts along."""
        tg, residual = found.measurements.get("glass_transition_temperature"), found.measurements.get("tg_rmse")
        if tg is None:
            return
        problem = ""
        if not LOWEST_TG_K <= tg.value <= HIGHEST_TG_K:
            problem = f"{tg.value:.5g} K is outside {LOWEST_TG_K:g} to {HIGHEST_TG_K:g} K"
        elif residual is not None and residual.value > LARGEST_TG_RESIDUAL:
            problem = (
                f"{tg.value:.5g} K from a fit that leaves a sum of squared residuals of {residual.value:.3g} "
                f"{residual.unit}, more than {LARGEST_TG_RESIDUAL:g}"
            )
        if problem:
            found.fail("glass_transition_temperature", "FailedFit", f"tg {problem}")
            _drop(found, "glass transition", found.failures["glass_transition_temperature", "FailedFit"])

    def _hold_identities(self, fields: Sequence[str], found: _Found, tally: Tally) -> None:
        values = {name: item.value for name, item in found.measurements.items()}
        mass = self.number(fields, "Mw") or self.number(fields, "Mn")
        if mass:
            values["mass_g_mol"] = mass
        for identity in IDENTITIES:
            is_broken = broken(identity, values, is_mean=self._is_of_means or self.is_ours)
            if is_broken is None:
                continue
            counts = tally.identities.setdefault(identity.name, [0, 0])
            counts[0] += 1
            counts[1] += is_broken
            item = found.measurements[identity.property]
            if is_broken and INCONSISTENT not in item.flags:
                flags = (*item.flags, INCONSISTENT)
                found.measurements[identity.property] = item.model_copy(update={"flags": flags})

    # ---------------------------------------------------------------- beside the values

    def _criteria(self, fields: Sequence[str]) -> list[Criterion]:
        said = self.text(fields, "check_eq").lower()
        if said not in ("true", "false"):
            return []
        message = f"{self.source} says check_eq {said.capitalize()}: RadonPy's test of ten averages"
        verdict: Verdict = "pass" if said == "true" else "fail"
        return [Criterion(name="equilibrium", verdict=verdict, value=None, threshold=None, unit="1", message=message)]

    def _provenance(self, fields: Sequence[str], line: int) -> dict[str, str]:
        def some(names: Sequence[str]) -> str:
            found = {name: self.text(fields, name) for name in names}
            return json.dumps({name: text for name, text in found.items() if text}, sort_keys=True, ensure_ascii=False)

        lines = {
            "row": str(line),
            "row_sha256": self.content_digest(fields),
            "record": self.identity(fields),
            "record_ids": some(IDENTITY),
            "psmiles_as_written": self.text(fields, "smiles_list") or self.text(fields, "smiles_1"),
            "versions": some(VERSIONS),
            "notes": some(NOTES),
        }
        return {**self.facts, **{name: text for name, text in lines.items() if text not in ("", "{}")}}


def _drop(found: _Found, fit: str, reason: Failure) -> None:
    """Take away the values of a fit that failed; those we know as properties become failures too."""
    for name in list(found.measurements):
        column = BY_PROPERTY.get(name)
        if column is None or column.fit != fit:
            continue
        del found.measurements[name]
        if column.is_ours and name != reason.stage:
            found.fail(name, reason.kind, f"comes from the same fit as {reason.stage}: {reason.message}")


def _outside(column: Column, value: float) -> str:
    unit = "" if column.unit == "1" else f" {column.unit}"
    return f"{column.name} is {value:.5g}{unit}, outside {column.low:g} to {column.high:g}{unit}"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


Describe = Callable[[Sequence[str]], Mapping[str, "DescribedPolymer | str"]]
"""Describes many repeat units, by text; a sentence where one is none."""
