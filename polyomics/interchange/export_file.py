"""The results as one row a study, in PolyOmics' columns and units, so that what reads theirs reads ours."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

from polyomics.database.imports import StudyFacts, facts_of
from polyomics.database.selection import ResultRow, Selection, result_batches
from polyomics.database.store import Store
from polyomics.errors import InvalidInputFile
from polyomics.files import atomic_path
from polyomics.interchange.columns import (
    COLUMNS,
    IDENTITY,
    NOTES,
    OF_OURS,
    SETTINGS,
    USED,
    VERSIONS,
    Column,
    own_columns,
)
from polyomics.interchange.imported_row import FLAGS_COLUMN, NOT_STATED
from polyomics.units import BAR_PER_ATM

STUDIES_AT_A_TIME = 500
FAMILIES = {"gaff": "GAFF", "gaff2": "GAFF2", "gaff2_mod": "GAFF2_mod"}
"""Our names of force fields -> theirs."""
_Group = tuple[str, list[ResultRow]]


def export_polyomics(
    store: Store,
    path: str | Path,
    selection: Selection | None = None,
    known_properties: Collection[str] = (),
) -> int:
    """Write studies to a CSV file with PolyOmics' columns; the file appears when it is complete.

    All columns of theirs that hold values are there, empty where we have none. What we have besides follows: our other
    properties under our names and in our units, and of each value its standard error (`density_stderr`) and number of
    independent samples (`density_n_independent`); `polyomics_flags` has all flags by property, as JSON. Where a study
    has a property at several temperatures, it is the value at the study's own. Memory does not grow with the studies.

    Args:
        store: Where the results are.
        path: The file, ending in .csv.
        selection: Which results; all without it.
        known_properties: As in `database.query`.

    Returns:
        Number of studies written.

    Raises:
        InvalidInputFile: The file does not end in .csv.
        StorageUnavailable: The file cannot be written, or the database not read.
    """
    target = Path(path)
    if target.suffix.lower() != ".csv":
        raise InvalidInputFile(f"{str(path)!r} does not end in .csv; PolyOmics' layout is a CSV file")
    layout = _Layout(set(store.property_names()))
    batches = result_batches(store, selection, known_properties)
    with (
        closing(batches),
        atomic_path(target.resolve()) as unfinished,
        unfinished.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(layout.header)
        n_studies = 0
        rows = chain.from_iterable(batches)
        groups: Iterator[_Group] = ((key, list(some)) for key, some in groupby(rows, key=lambda row: row.study_key))
        while some := list(islice(groups, STUDIES_AT_A_TIME)):
            facts = facts_of(store, [key for key, _ in some])
            writer.writerows(layout.fields(values, facts[key]) for key, values in some)
            n_studies += len(some)
    return n_studies


class _Layout:
    """The header, and the fields of a study below it."""

    def __init__(self, present: Collection[str]) -> None:
        from polyomics.chemistry.polymer_class import POLYMER_CLASSES

        self._classes = POLYMER_CLASSES
        ours = [column for column in own_columns().values() if column.property in present]
        unknown = sorted(set(present) - {column.property for column in (*COLUMNS, *own_columns().values())})
        others = [Column(name, name, "", "") for name in unknown]
        self._columns: list[Column] = [*COLUMNS, *ours, *others]
        self._with_errors = [column for column in self._columns if column.property in present]
        facts = [*IDENTITY, *USED, *SETTINGS, *VERSIONS, *NOTES]
        self._facts = list(dict.fromkeys(facts))
        self.header = [
            *self._facts,
            *(f"class_{code}" for code in POLYMER_CLASSES.values()),
            *(column.name for column in self._columns),
            *(f"{column.name}{end}" for column in self._with_errors for end in OF_OURS),
            FLAGS_COLUMN,
            "polyomics_study",
            "polyomics_source",
        ]

    def fields(self, rows: Sequence[ResultRow], facts: StudyFacts) -> list[Any]:
        """The fields of a study."""
        values = _one_of_each(rows)
        known = _known(rows[0], facts)
        classes = set(facts.classes)
        flags = {name: list(row.flags) for name, row in values.items() if row.flags}
        errors: list[float | None] = []
        for column in self._with_errors:
            row = values.get(column.property)
            stderr = None if row is None or row.stderr is None else row.stderr / column.written_factor()
            errors += [stderr, None if row is None else row.n_independent]
        return [
            *(known.get(name, "") for name in self._facts),
            *(name in classes for name in self._classes),
            *(
                values[column.property].value / column.written_factor() if column.property in values else None
                for column in self._columns
            ),
            *errors,
            json.dumps(flags, sort_keys=True),
            rows[0].study_key,
            rows[0].source,
        ]


def _one_of_each(rows: Sequence[ResultRow]) -> dict[str, ResultRow]:
    """One value a property: at the temperature that most values of the study have, else the first."""
    temperatures = [row.temperature_k for row in rows if row.temperature_k is not None]
    usual = max(temperatures, key=temperatures.count) if temperatures else None
    values: dict[str, ResultRow] = {}
    for row in rows:
        if row.property not in values or (row.temperature_k == usual and values[row.property].temperature_k != usual):
            values[row.property] = row
    return values


def _known(row: ResultRow, facts: StudyFacts) -> dict[str, Any]:
    """What is known of a study, by PolyOmics' name."""
    spec, told = facts.spec, facts.provenance
    polymer, model = spec.get("polymer", {}), spec.get("force_field", {})
    conditions, imported = spec.get("conditions", {}), spec.get("imported", {})
    n_units = polymer.get("n_units")
    degree = imported.get("DP") or n_units
    units = float(n_units) / float(degree) if n_units and degree else 1.0
    family = _stated(model.get("family"))
    psmiles = told.get("psmiles_as_written", row.psmiles)
    equilibrium = {"pass": "True", "fail": "False"}.get(facts.verdict or "", "")
    return {
        "DBID": row.study_key,
        "monomer_ID": row.polymer_key,
        "check_eq": equilibrium,
        "charge": _stated(model.get("charges")).upper(),
        **imported,
        **_json(told.get("record_ids")),
        **_json(told.get("versions")),
        **_json(told.get("notes")),
        "UUID": told.get("record", row.study_key),
        "smiles_list": psmiles,
        "smiles_1": psmiles,
        "forcefield": FAMILIES.get(family, family),
        "temp": conditions.get("temperature_k", row.temperature_k),
        "press": conditions.get("pressure_bar", BAR_PER_ATM) / BAR_PER_ATM,
        "tacticity": polymer.get("tacticity", ""),
        "n_mol": spec.get("cell", {}).get("n_chains", ""),
        "mol_weight_monomer1": facts.molar_mass_g_mol * units,
        "DP": degree if degree is not None else "",
    }


def _stated(text: object) -> str:
    return "" if text in (None, NOT_STATED) else str(text)


def _json(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}
