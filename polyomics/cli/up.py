"""`polyomics up`: everything on one machine with one command."""

from __future__ import annotations

from typing import Annotated

import typer

from polyomics.cli.ending import say

Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of the dashboard.")]
Host = Annotated[str, typer.Option(help="Address it listens at; any but this machine's own needs a password.")]
Slots = Annotated[int | None, typer.Option(min=1, help="Studies at a time; by default as the worker finds best.")]
Pool = Annotated[str, typer.Option(help="Pool of the worker.")]
Platform = Annotated[str | None, typer.Option(help="OpenMM platform of the worker; the fastest unless given.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of a study on the CPU platform.")]
Benchmark = Annotated[bool, typer.Option("--benchmark/--no-benchmark", help="Measure the speed at the start.")]


def up(
    port: Port = 4200,
    slots: Slots = None,
    pool: Pool = "local",
    host: Host = "127.0.0.1",
    platform: Platform = None,
    threads: Threads = None,
    benchmark: Benchmark = True,
) -> int:
    """Start the Prefect server with its dashboard and a worker on this machine; Ctrl-C ends both.

    Studies of the queue are run; submit them from another terminal. Ctrl-C gives what is at hand back to the queue
    with its checkpoint, and the next start goes on from there. Logs are in the folder logs of POLYOMICS_HOME.

    Only this machine can reach the dashboard. For others: --host, with PREFECT_SERVER_API_AUTH_STRING=USER:PASSWORD,
    or PREFECT_SERVER_API_AUTH_STRING_FILE naming a file that holds it.

    Example:  polyomics up --slots 2

    Exit code: 0 after Ctrl-C or SIGTERM.
    """
    import os

    from polyomics import config
    from polyomics.box.box import Box, BoxSettings, checked_pool
    from polyomics.database import Store
    from polyomics.database.connection import masked

    given = {"--slots": slots, "--platform": platform, "--threads": threads}
    options = [text for name, value in given.items() if value is not None for text in (name, str(value))]
    settings = BoxSettings(
        home=config.home(),
        host=host,
        port=port,
        pool=checked_pool(pool),
        worker_options=(*options, *(() if benchmark else ("--no-benchmark",))),
    )
    box = Box(settings, os.environ, say)
    with Store.open(config.database_url()):
        say(f"results go to {masked(config.database_url())}, runs to {settings.home}")
    say("the Prefect server is starting; its first start takes about 20 s")
    box.run(lambda: _welcome(box.address))
    return 0


def _welcome(address: str) -> None:
    say(f"dashboard: {address.removesuffix('/api')}")
    say("next, in another terminal:")
    say(f"    export PREFECT_API_URL={address}")
    say("    polyomics submit polymers.csv --preset demo")
    say("    polyomics status --watch")
    say("Ctrl-C ends everything")
