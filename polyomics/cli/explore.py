"""`polyomics explore`: the results in a browser, and for programs over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyomics.cli.ending import say
from polyomics.errors import InvalidSettings

Host = Annotated[str, typer.Option(help="Address it listens at; any but this machine's own needs --token-file.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port it listens at; 0: any that is free.")]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", metavar="FILE", help="File with the token that everybody has to give.")
]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")]


def explore(host: Host = "127.0.0.1", port: Port = 8787, token_file: TokenFile = None, browser: Browser = True) -> int:
    """Show the results in a browser: search, filter, plot, look at single polymers, download; Ctrl-C ends it.

    The database is only read. The same is there for programs as an HTTP API, described by /api/v1/openapi.json.

    Only this machine can reach it. For others: --host, with --token-file naming a file that holds a token of 16 or more
    characters (openssl rand -hex 24 > token), and before anything but a trusted network a proxy that adds HTTPS.

    Example:  polyomics explore --port 9000

    Exit code: 0 after Ctrl-C or SIGTERM.
    """
    from polyomics import config
    from polyomics.box.address import is_loopback, refuse_taken

    token = _token(token_file)
    if token is None and not is_loopback(host):
        raise InvalidSettings(
            f"--host {host} can be reached from other machines, so everybody there could read all results; "
            "give --token-file, or leave --host out"
        )
    if port:
        refuse_taken(host, port)

    from polyomics.database.connection import masked
    from polyomics.web.application import make_application
    from polyomics.web.server import listen, serve

    url = config.database_url()
    app = make_application(url, config.home(), token)
    listening = listen(host, port)
    address = _address(host, int(listening.getsockname()[1]))

    def ready() -> None:
        say(f"{address}  shows {masked(url)}{'; it asks for the token' if token else ''}")
        say("Ctrl-C ends it")
        if browser:
            _open(address)

    serve(app, listening, ready)
    say("stopped")
    return 0


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    from polyomics.web.application import check_token

    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InvalidSettings(f"--token-file {path} cannot be read: {reason}") from error
    check_token(token)
    return token


def _address(host: str, port: int) -> str:
    everywhere = {"0.0.0.0": "localhost", "::": "localhost"}
    reached = everywhere.get(host, host)
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}/"


def _open(address: str) -> None:
    """In the user's browser, if there is a screen to show it on."""
    import os
    import sys
    import threading
    import webbrowser

    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
