"""The files for containers and clusters: what must be so whatever else changes in them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from polyomics.config import SECRET_VARIABLES
from polyomics.work.worker import WorkerSettings

ROOT = Path(__file__).parents[2]
DOCKER, KUBERNETES = ROOT / "docker", ROOT / "deploy" / "kubernetes"
SCRIPTS = sorted([*DOCKER.glob("*.sh"), *(ROOT / "deploy").rglob("*.sbatch")])
TEMPLATE = KUBERNETES / "prefect-job-template.json"
USER = 10001


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return found


def manifests() -> list[dict[str, Any]]:
    found = [item for path in sorted(KUBERNETES.glob("*.yaml")) for item in yaml.safe_load_all(path.read_text())]
    template = json.loads(TEMPLATE.read_text())
    return [*found, template["job_configuration"]["job_manifest"]]


def pods() -> list[dict[str, Any]]:
    return [item["spec"]["template"]["spec"] for item in manifests() if "template" in item.get("spec", {})]


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()  # type: ignore[union-attr]
    return int(number) * (60.0 if unit == "m" else 1.0)


# -------------------------------------------------------------------- images


def instructions() -> list[str]:
    text = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_base_images_are_pinned_and_python_is_one_we_support() -> None:
    names = {line.split()[-1] for line in instructions() if line.startswith("FROM")}
    bases = {line.split()[1] for line in instructions() if line.startswith("FROM")} - names
    assert bases
    for base in bases:
        assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base), base


def test_everything_that_is_installed_is_pinned() -> None:
    installs = [line for line in instructions() if "pip install" in line]
    assert installs
    for line in installs:
        assert "--constraint constraints.txt" in line
    for path in (ROOT / "constraints.txt", DOCKER / "constraints-cuda.txt"):
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", line) for line in lines)


def test_the_cuda_pins_fit_the_others() -> None:
    pins = dict(
        line.lower().split("==")
        for path in (ROOT / "constraints.txt", DOCKER / "constraints-cuda.txt")
        for line in path.read_text().splitlines()
        if "==" in line
    )
    assert pins["openmm-cuda-13"] == pins["openmm"]


def test_no_image_runs_as_root_or_behind_a_shell() -> None:
    lines = instructions()
    assert f"USER {USER}:{USER}" in lines
    assert not [line for line in lines if re.match(r"USER (root|0)\b", line)]
    for line in lines:
        if line.startswith(("ENTRYPOINT", "CMD")):
            assert isinstance(json.loads(line.split(maxsplit=1)[1]), list)


def test_what_an_image_copies_is_there_and_is_let_through() -> None:
    allowed = {line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = {
        word
        for line in instructions()
        if line.startswith("COPY") and "--from" not in line
        for word in line.split()[1:-1]
        if not word.startswith("--")
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


# -------------------------------------------------------------------- compose


def test_nothing_is_published_but_the_dashboard_on_the_loopback(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"server": ["127.0.0.1:4200:4200"]}
    assert compose["networks"]["database"]["internal"]
    assert not any(service.get("network_mode") or service.get("privileged") for service in compose["services"].values())


def test_no_password_is_in_a_file_or_a_variable(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not re.search(r"://[^/]*:[^/]*@", str(value))
            if name.removesuffix("_FILE") in (*SECRET_VARIABLES, "POSTGRES_PASSWORD"):
                assert name.endswith("_FILE")
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    for item in manifests():
        assert item["kind"] != "Secret"
        assert not re.search(r"://[^/\"]*:[^/\"]*@", json.dumps(item))


def test_every_secret_is_declared_made_and_not_kept(compose: dict[str, Any], tmp_path: Path) -> None:
    used = {name for service in compose["services"].values() for name in service.get("secrets", ())}
    assert used == set(compose["secrets"])
    subprocess.run([DOCKER / "make-secrets.sh", tmp_path / "secrets"], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert used <= set(made)
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert made["polyomics_worker_password"] in made["polyomics_worker_url"]
    passwords = [text for name, text in made.items() if name.endswith("_password")]
    assert len(set(passwords)) == len(passwords)
    assert all(re.fullmatch(r"[\w-]{32}", text) for text in passwords)
    subprocess.run([DOCKER / "make-secrets.sh", tmp_path / "secrets"], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made
    ignored = ["git", "-C", str(ROOT), "check-ignore", "--quiet", "docker/secrets/prefect_auth_string"]
    assert subprocess.run(ignored, check=False).returncode == 0


def test_the_worker_of_compose_has_a_gpu_its_own_role_and_time_to_stop(compose: dict[str, Any]) -> None:
    worker = compose["services"]["worker"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert worker["environment"]["POLYOMICS_DATABASE_URL_FILE"] == "/run/secrets/polyomics_worker_url"
    grace_s = WorkerSettings(name="w", pool="p").grace_s
    assert seconds(worker["stop_grace_period"]) >= grace_s + 30
    for other in ("server", "worker", "cli"):
        assert "polyomics_owner_url" not in compose["services"][other]["secrets"]


def test_the_dashboard_of_compose_asks_for_a_password_and_keeps_its_rows_in_postgresql(compose: dict[str, Any]) -> None:
    server = compose["services"]["server"]
    assert "PREFECT_SERVER_API_AUTH_STRING_FILE" in server["environment"]
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL_FILE" in server["environment"]
    database = compose["services"]["database"]
    assert re.fullmatch(r"postgres:\d+\.\d+-\w+", database["image"])
    for name in ("migrate", "server"):
        assert compose["services"][name]["depends_on"]["database"] == {"condition": "service_healthy"}


# -------------------------------------------------------------------- kubernetes


def test_no_pod_runs_as_root_or_writes_to_its_image() -> None:
    assert len(pods()) == 4
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == USER
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"/data", "/tmp"} <= {mount["mountPath"] for mount in container["volumeMounts"]}


def test_workers_have_a_gpu_and_time_to_stop() -> None:
    workers = [pod for pod in pods() if "nvidia.com/gpu" in json.dumps(pod)]
    assert len(workers) == 2
    for pod in workers:
        assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] in (1, "{{ gpus }}")
        assert pod["terminationGracePeriodSeconds"] >= WorkerSettings(name="w", pool="p").grace_s + 30


def test_secrets_are_files_that_are_mounted() -> None:
    for pod in pods():
        (container,) = pod["containers"]
        (secret,) = (volume["secret"] for volume in pod["volumes"] if "secret" in volume)
        assert secret["defaultMode"] == 0o440
        variables = container["env"]
        if isinstance(variables, list):
            assert any(v["name"].endswith("_FILE") and v["value"].startswith("/secrets/") for v in variables)
            assert not any(v["name"] in SECRET_VARIABLES for v in variables)


def test_manifests_name_no_namespace() -> None:
    for item in manifests()[:-1]:
        assert "namespace" not in item["metadata"]


def test_nobody_may_connect_to_a_worker() -> None:
    policies = {item["metadata"]["name"]: item["spec"] for item in manifests() if item["kind"] == "NetworkPolicy"}
    assert policies["polyomics-worker"]["ingress"] == []
    assert "Ingress" in policies["polyomics-worker"]["policyTypes"]


def test_the_job_template_asks_for_every_variable_it_uses() -> None:
    template = json.loads(TEMPLATE.read_text())
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used == set(template["variables"]["properties"])


# -------------------------------------------------------------------- their own tools


def tool(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed; docs/cluster.md says where it is from")
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck(script: Path) -> None:
    done = subprocess.run([tool("shellcheck"), script], capture_output=True, text=True)
    assert done.stdout == ""


def test_hadolint() -> None:
    done = subprocess.run([tool("hadolint"), DOCKER / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_schema() -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", DOCKER / "compose.yaml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted(KUBERNETES.glob("*.yaml")), ids=lambda path: path.name)
def test_kubernetes_schema(path: Path) -> None:
    done = subprocess.run([tool("kubernetes-validate"), "--strict", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# -------------------------------------------------------------------- scripts, as processes


@pytest.fixture
def plain() -> Iterator[dict[str, str]]:
    return {"PATH": os.environ["PATH"]}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_may_be_run(script: Path) -> None:
    assert os.access(script, os.X_OK) or script.suffix == ".sbatch"


def test_secrets_reach_the_command_and_its_files_do_not(plain: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "s"
    secret.write_text("admin:a'b$c d\n")
    environment = {**plain, "PREFECT_SERVER_API_AUTH_STRING_FILE": str(secret)}
    done = subprocess.run([DOCKER / "with-secrets.sh", "env"], env=environment, capture_output=True, text=True)
    assert "PREFECT_SERVER_API_AUTH_STRING=admin:a'b$c d\n" in done.stdout
    assert "_FILE" not in done.stdout


def test_the_command_takes_the_place_of_the_script(plain: dict[str, str]) -> None:
    """Else SIGTERM would end the shell and leave what it started."""
    with subprocess.Popen([DOCKER / "with-secrets.sh", "sleep", "600"], env=plain) as process:
        while Path(f"/proc/{process.pid}/comm").read_text().strip() != "sleep":
            assert process.poll() is None
        process.terminate()
        assert process.wait(30) == -15


@pytest.mark.parametrize("content", [None, ""])
def test_a_missing_or_empty_secret_stops_it(plain: dict[str, str], tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "s"
    if content is not None:
        path.write_text(content)
    environment = {**plain, "PREFECT_API_AUTH_STRING_FILE": str(path)}
    done = subprocess.run([DOCKER / "with-secrets.sh", "env"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(path) in done.stderr
