"""The Prefect server of one machine: its settings, and whether it answers."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from polyomics.box.address import api_url, is_loopback
from polyomics.box.program import Program
from polyomics.errors import InvalidSettings

SERVER_PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"
CLIENT_PASSWORD = "PREFECT_API_AUTH_STRING"
SERVER_SETTINGS: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P1D",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
}
"""What a server of ours has unless the user says otherwise: no telemetry, and no more work than showing runs.

A run waiting in the queue is not late, and marking it so costs the server more than the run itself.
"""
ANSWER_TIMEOUT_S = 2.0
STOP_S = 15.0


def server_program(home: Path, host: str, port: int, environment: Mapping[str, str]) -> Program:
    """`prefect server start` with its files under the home folder.

    Args:
        home: Home folder of polyomics.
        host: Where it listens.
        port: Where it listens.
        environment: That of this process; the password of the server is in it.

    Raises:
        InvalidSettings: Others could reach the server, and it has no password.
    """
    if not is_loopback(host) and not environment.get(SERVER_PASSWORD):
        raise InvalidSettings(
            f"--host {host} lets other machines in, and the dashboard has no password; set {SERVER_PASSWORD} to "
            f"USER:PASSWORD, or {SERVER_PASSWORD}_FILE to a file that holds it"
        )
    folder = home / "prefect"
    address = api_url(host, port)
    origins = [address.removesuffix("/api"), f"http://127.0.0.1:{port}", f"http://localhost:{port}"]
    own = {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": address,
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder / "ui"),
    }
    defaults = {
        **SERVER_SETTINGS,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(dict.fromkeys(origins)),
    }
    return Program(
        name="Prefect server",
        command=(sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port)),
        environment={**defaults, **without_a_server(environment), **own},
        log=home / "logs" / "prefect-server.log",
        stop_s=STOP_S,
    )


def without_a_server(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what points at another Prefect server."""
    others = ("PREFECT_API_URL", "PREFECT_HOME", "PREFECT_PROFILE", "PREFECT_API_KEY")
    return {name: value for name, value in environment.items() if name not in others}


def answers(address: str) -> bool:
    """Whether a server answers at the address of its API that it is well; a proxy is not asked."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{address}/health", timeout=ANSWER_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
