"""Files of every format give the energies of the study, term by term, in programs that did not write them."""

import re
from pathlib import Path

import openmm
import pytest
from openmm import unit

from polyomics.inputs import write_inputs
from polyomics.inputs.checking import Check, check
from polyomics.inputs.energies import TERMS, energy_terms_kj_mol, ewald_grid
from polyomics.inputs.format import FORMATS, Reading
from polyomics.inputs.snapshot import Snapshot
from polyomics.md.engine import Hardware
from polyomics.md.protocol import Protocol
from polyomics.request import make_spec
from polyomics.study import Study

BONDED_TOLERANCE = 1e-6
"""Files have eight digits, sander prints four decimals of kcal/mol."""

BEGUN = """
name: begun
nonbonded: {cutoff_nm: 0.6}
stages:
- {kind: minimise, name: minimise, max_iterations: 5}
- {kind: nvt, name: sample, temperature_k: 300, duration_ps: 1, frame_ps: 1}
"""


def assert_agree(one: Check) -> None:
    """Bonded terms far closer than what is allowed, all terms there, and none of them zero by accident."""
    assert one.verdict == "agrees", one
    assert [term.name for term in one.terms] == list(TERMS)
    for term in one.terms:
        assert abs(term.ours_kj_mol) > 1.0
        if term.name in ("bond", "angle", "torsion"):
            assert term.theirs_kj_mol == pytest.approx(term.ours_kj_mol, rel=BONDED_TOLERANCE, abs=1e-3), term


@pytest.fixture(scope="module")
def checks(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Check]]:
    """What all programs of this machine find for the study with rings and impropers."""
    written = write_inputs(run_folder, tmp_path_factory.mktemp("checked") / "all", with_check=True)
    found: dict[str, list[Check]] = {name: [] for name in written.formats}
    for one in written.checks:
        found[one.format].append(one)
    return found


def test_amber_files_in_sander_and_in_openmm(checks: dict[str, list[Check]]) -> None:
    by_openmm, by_sander = checks["amber"]
    assert "sander" in by_sander.program
    assert_agree(by_openmm)
    assert_agree(by_sander)


def test_gromacs_files_in_openmm_and_in_gromacs_where_it_is(checks: dict[str, list[Check]]) -> None:
    by_openmm, by_gromacs = checks["gromacs"]
    assert_agree(by_openmm)
    if by_gromacs.verdict == "not_checked":
        pytest.skip("GROMACS is not installed")
    assert_agree(by_gromacs)


def test_openmm_files_read_again_are_the_same(checks: dict[str, list[Check]]) -> None:
    (again,) = checks["openmm"]
    assert [term.theirs_kj_mol for term in again.terms] == [term.ours_kj_mol for term in again.terms]
    assert len(again.terms) == len(TERMS)


def test_lammps_files_in_lammps_where_it_is(checks: dict[str, list[Check]]) -> None:
    (by_lammps,) = checks["lammps"]
    if by_lammps.verdict == "not_checked":
        pytest.skip("LAMMPS is not installed")
    assert_agree(by_lammps)


def test_the_bonded_terms_and_lennard_jones_of_a_lammps_file_are_those_of_the_study(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    """Read by a reader of our own, for machines without LAMMPS: the formulas are those of LAMMPS' manual."""
    FORMATS["lammps"]().write(snapshot, tmp_path)
    system, positions_nm = read_lammps(tmp_path / "cell.data", snapshot.nonbonded.cutoff_nm)
    theirs = energy_terms_kj_mol(system, positions_nm)
    ours = energy_terms_kj_mol(snapshot.system(), snapshot.state.positions_nm)
    assert theirs == pytest.approx(ours, rel=1e-8)


def test_the_sum_of_the_terms_is_the_potential_energy(snapshot: Snapshot) -> None:
    context = openmm.Context(
        snapshot.system(), openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference")
    )
    context.setPositions(snapshot.state.positions_nm)
    whole = context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    terms = energy_terms_kj_mol(snapshot.system(), snapshot.state.positions_nm)
    assert sum(terms.values()) == pytest.approx(whole, rel=2e-3)  # the study's own PME is not as tight


def test_a_stage_without_velocities_agrees_too(run_folder: Path, tmp_path: Path) -> None:
    written = write_inputs(run_folder, tmp_path / "x", ["amber", "openmm"], stage="minimise", with_check=True)
    for one in written.checks:
        assert_agree(one)


@pytest.mark.parametrize(
    ("format_name", "file", "number", "written", "factor", "term"),
    [
        ("amber", "cell.prmtop", r"(ANGLE_FORCE_CONSTANT.*\n.*\n *)(\S+)", ".8E", 1.05, "angle"),
        ("amber", "cell.rst7", r"(0\.0000000e\+00\n *)(\S+)", ".7f", 1.01, "bond"),
        ("gromacs", "cell.top", r"(\[ bonds \]\n.*\n +1 +2 +1 +)(\S+)", ".5f", 1.1, "bond"),
        ("openmm", "system.xml", r'(<Torsion k=")([^"]+)', ".5f", 50.0, "torsion"),
    ],
)
def test_a_number_changed_in_a_file_is_found(
    snapshot: Snapshot,
    tmp_path: Path,
    format_name: str,
    file: str,
    number: str,
    written: str,
    factor: float,
    term: str,
) -> None:
    one, (folder, scratch) = FORMATS[format_name](), two_folders(tmp_path)
    one.write(snapshot, folder)
    text = (folder / file).read_text()
    changed, n = re.subn(number, lambda m: m[1] + format(float(m[2]) * factor, written), text, count=1)
    assert n == 1
    (folder / file).write_text(changed)
    ours = energy_terms_kj_mol(snapshot.system(), snapshot.state.positions_nm)
    found = check(format_name, ours, next(one.readings(snapshot, folder, scratch)), snapshot.cell.n_atoms)
    assert found.verdict == "differs"
    assert term in [each.name for each in found.terms if not each.agrees]


def test_a_program_that_is_not_here_is_said_to_be_not_here(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, scratch = two_folders(tmp_path)
    for name, program in (("amber", "sander"), ("gromacs", "GROMACS"), ("lammps", "LAMMPS")):
        one = FORMATS[name]()
        one.write(snapshot, folder)
        monkeypatch.setattr("polyomics.forcefield.tools.find_tool", lambda _: None)
        last = list(one.readings(snapshot, folder, scratch))[-1]
        found = check(name, {"bond": 1.0}, last, 1)
        assert (found.program, found.verdict) == (program, "not_checked")


def two_folders(tmp_path: Path) -> tuple[Path, Path]:
    """One for files, another to work in."""
    folders = tmp_path / "files", tmp_path / "scratch"
    for folder in folders:
        folder.mkdir()
    return folders


def test_what_a_program_says_when_it_fails_is_kept(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polyomics.inputs.formats.amber.POINT", "x\n &cntrl imin=1, no_such_setting=3, /\n")
    written = write_inputs(run_folder, tmp_path / "x", ["amber"], with_check=True)
    assert [one.verdict for one in written.checks] == ["agrees", "failed"]
    assert "sander" in written.checks[-1].trouble


def test_chains_without_impropers_agree_too(tiny_study: tuple[str, Path], tmp_path: Path) -> None:
    key, home = tiny_study
    written = write_inputs(home / "runs" / key, tmp_path / "x", with_check=True)
    assert {one.verdict for one in written.checks} <= {"agrees", "not_checked"}
    assert [one.verdict for one in written.checks if one.format in ("amber", "openmm")] == ["agrees"] * 3
    assert "improper_style  none" in (tmp_path / "x" / "lammps" / "point.in").read_text()


def test_differences_are_held_against_what_is_allowed() -> None:
    ours = {"bond": 100.0, "coulomb": -50.0}
    near = check("x", ours, Reading("X", {"bond": 100.005, "coulomb": -50.002}), 1)
    far = check("x", ours, Reading("X", {"bond": 100.005, "coulomb": -50.01}), 1)
    assert (near.verdict, far.verdict) == ("agrees", "differs")
    assert [term.agrees for term in far.terms] == [True, False]


def test_what_a_program_is_known_to_do_otherwise_is_no_difference() -> None:
    reading = Reading("X", {"angle": 110.0}, known_kj_mol={"angle": 10.0}, note="it rounds")
    agreed = check("x", {"angle": 100.0}, reading, 1)
    assert (agreed.verdict, agreed.note, agreed.terms[0].difference_kj_mol) == ("agrees", "it rounds", 10.0)
    assert check("x", {"angle": 109.0}, reading, 1).verdict == "differs"


def test_straight_angles_in_sander(tmp_path: Path) -> None:
    """Nitriles: sander cuts cosines off at 0.999, so that its energy of angles is another by a known amount."""
    run_folder = nitrile_run_folder(tmp_path / "home")
    by_sander = write_inputs(run_folder, tmp_path / "x", ["amber"], stage="minimise", with_check=True).checks[1]
    angle = by_sander.terms[1]
    assert "sander" in by_sander.program
    assert by_sander.verdict == "agrees"
    assert angle.difference_kj_mol > 100 * angle.allowed_kj_mol
    assert angle.difference_kj_mol == pytest.approx(angle.known_kj_mol, abs=1e-3)
    assert "177.4" in by_sander.note


def nitrile_run_folder(home: Path) -> Path:
    """A study of polyacrylonitrile of which only the minimisation is done."""
    protocol = Protocol.from_yaml(BEGUN)
    spec = make_spec("*CC(*)C#N", preset="smoke", charges="gasteiger", n_chains=3, n_units=10, protocol=protocol)
    study = Study(spec, home, Hardware(platform="CPU", threads=1))
    with study.folder_locked():
        study.take_folder()
        study.build_cell()
        study.run_stage(1)
    return study.folder


@pytest.mark.parametrize("edge_nm", [0.1, 2.0, 4.71, 13.3])
def test_grids_are_fine_and_even(edge_nm: float) -> None:
    for number in ewald_grid([edge_nm] * 3):
        assert edge_nm / number <= 0.04
        assert number % 2 == 0
        assert not re.sub("[235]", "", "".join(map(str, factors(number))))


def factors(number: int) -> list[int]:
    """Prime factors."""
    for prime in range(2, number):
        if number % prime == 0:
            return [prime, *factors(number // prime)]
    return [number]


# ---------------------------------------------------------------- a reader of LAMMPS data files


def read_lammps(path: Path, cutoff_nm: float) -> tuple[openmm.System, list[list[float]]]:
    """System of a data file of style full in real units, with harmonic, fourier, cvff and special_bonds amber."""
    text = path.read_text()
    parts = re.split(r"\n\n([A-Z][A-Za-z #]+)\n\n", text)
    sections = {
        name.split(" #")[0]: [line.split("#")[0].split() for line in body.strip().splitlines()]
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }
    kcal, angstrom = 4.184, 0.1
    system = openmm.System()
    edges = [float(edge) * angstrom for edge in re.findall(r"^0\.0 (\S+) .lo", text, re.MULTILINE)]
    system.setDefaultPeriodicBoxVectors(*[[edges[i] if i == j else 0 for j in range(3)] for i in range(3)])
    coefficients = {
        name: {row[0]: [float(word) for word in row[1:]] for row in sections.get(f"{name} Coeffs", [])}
        for name in ("Pair", "Bond", "Angle", "Dihedral", "Improper")
    }
    nonbonded, bonds = openmm.NonbondedForce(), openmm.HarmonicBondForce()
    angles, torsions = openmm.HarmonicAngleForce(), openmm.PeriodicTorsionForce()
    masses = {row[0]: float(row[1]) for row in sections["Masses"]}
    rows = sorted(sections["Atoms"], key=lambda row: int(row[0]))
    for _, _, kind, charge, *_ in rows:
        epsilon, sigma = coefficients["Pair"][kind]
        system.addParticle(masses[kind])
        nonbonded.addParticle(float(charge), sigma * angstrom, epsilon * kcal)
    pairs = []
    for _, kind, *atoms in sections["Bonds"]:
        k, length = coefficients["Bond"][kind]
        pairs.append([int(atom) - 1 for atom in atoms])
        bonds.addBond(*pairs[-1], length * angstrom, 2 * k * kcal / angstrom**2)
    for _, kind, *atoms in sections["Angles"]:
        k, angle = coefficients["Angle"][kind]
        angles.addAngle(*(int(atom) - 1 for atom in atoms), angle * unit.degree, 2 * k * kcal)
    for _, kind, *atoms in sections["Dihedrals"]:
        four = [int(atom) - 1 for atom in atoms]
        n, *waves = coefficients["Dihedral"][kind]
        assert len(waves) == 3 * n
        for k, periodicity, phase in zip(waves[::3], waves[1::3], waves[2::3], strict=True):
            torsions.addTorsion(*four, int(periodicity), phase * unit.degree, k * kcal)
    for _, kind, *atoms in sections["Impropers"]:
        k, sign, periodicity = coefficients["Improper"][kind]
        phase = (0 if sign > 0 else 180) * unit.degree
        torsions.addTorsion(*(int(atom) - 1 for atom in atoms), int(periodicity), phase, k * kcal)
    nonbonded.createExceptionsFromBonds(pairs, 5 / 6, 0.5)
    nonbonded.setNonbondedMethod(nonbonded.PME)
    nonbonded.setCutoffDistance(cutoff_nm)
    for force in (bonds, angles, torsions, nonbonded):
        system.addForce(force)
    return system, [[float(word) * angstrom for word in row[4:7]] for row in rows]
