"""A server for one application: it says where it listens once it does, and ends when it is asked to."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from polyomics.errors import InvalidSettings

MOST_CONNECTIONS = 200
IDLE_S = 30
ENDING_S = 5
"""How long answers that are under way may take once the server was asked to end [s]."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any that is free.

    Raises:
        InvalidSettings: The address is not of this machine, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidSettings(f"cannot listen at {host}:{port}: {error.strerror or error}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise InvalidSettings(f"cannot listen at {host}:{port}: {error.strerror}; choose another --port") from error
    return listening


def serve(app: Any, listening: socket.socket, when_ready: Callable[[], None]) -> None:
    """Answer requests until SIGINT, SIGTERM or SIGHUP; a second one does not wait for answers under way.

    Args:
        app: An ASGI application.
        listening: Where requests come in; closed at the end.
        when_ready: Called once it answers.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=ENDING_S,
        lifespan="on",
        ws="none",
    )
    with listening:
        _Server(config, when_ready).run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._when_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own raises the signal again at the end; here a signal is a wish, and the process ends with 0."""
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
