"""Register the flow with a Prefect server, so that runs of it can be asked for from elsewhere.

`python -m flows.deployments serve` registers it and runs what is asked for on this machine, until Ctrl-C.
`python -m flows.deployments deploy --pool NAME` registers it for the workers of a work pool.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from flows.polymer import polymer
from flows.server import check_server
from polyomics.errors import PolyomicsError

DEPLOYMENT = "study"
"""Name of the deployment: Prefect calls it `polymer/study`."""
FOR_PREFECTS_WORKERS = {
    "command": "prefect flow-run execute",
    "env": {"PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "reschedule"},
}
"""How a worker of Prefect itself starts a run: asked to stop, it gives the run back instead of losing it."""


def serve(limit: int) -> None:
    """Register the flow and run what is asked for, at most `limit` studies at a time, until stopped."""
    polymer.serve(
        name=DEPLOYMENT,
        limit=limit,
        print_starting_message=False,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def deployment(pool: str | None = None, queue: str | None = None) -> RunnerDeployment:
    """The deployment: the flow of the installed package, by module, so that it has no path of this machine."""
    return RunnerDeployment.from_flow(
        polymer,
        name=DEPLOYMENT,
        work_pool_name=pool,
        work_queue_name=queue,
        job_variables=FOR_PREFECTS_WORKERS if pool else None,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.deployments", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="register the flow and run what is asked for on this machine")
    serving.add_argument("--limit", type=int, default=1, help="studies at a time (default 1)")
    deploying = commands.add_parser("deploy", help="register the flow for the workers of a work pool")
    deploying.add_argument("--pool", required=True, help="name of the work pool, of type process")
    deploying.add_argument("--queue", help="work queue of the pool")
    asked = parser.parse_args(arguments)
    try:
        address = check_server()
        if asked.command == "deploy":
            deployment(asked.pool, asked.queue).apply()
            _say(f"polymer/{DEPLOYMENT} is registered for the pool {asked.pool} at {address}")
        else:
            _say(f"polymer/{DEPLOYMENT} is served here for {address}, {asked.limit} at a time; Ctrl-C ends it")
            serve(asked.limit)
    except PolyomicsError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
