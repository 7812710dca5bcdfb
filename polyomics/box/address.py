"""Where something listens: is that this machine alone, is the port free, and who has it?"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from pathlib import Path

from polyomics.errors import InvalidSettings


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there.

    Raises:
        InvalidSettings: No machine has that name.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InvalidSettings(f"--host {host}: {error.strerror or error}; give an address of this machine") from error
    return all(ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_loopback for each in found)


def api_url(host: str, port: int) -> str:
    """Address of the server's API for programs of this machine."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    reached = everywhere.get(host, host)
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}/api"


def refuse_taken(host: str, port: int) -> None:
    """Raise unless a server could listen there.

    Raises:
        InvalidSettings: The port is taken, needs other rights, or the address is not of this machine.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise InvalidSettings(
                    f"port {port} is taken by {listener(port)}; choose another with --port, for example "
                    f"--port {port + 1}"
                ) from error
            raise InvalidSettings(f"cannot listen at {host}:{port}: {error.strerror}; choose another --port") from error


def listener(port: int) -> str:
    """Name and process of what listens on a TCP port of this machine, as far as we may know."""
    sockets = _listening_sockets(port)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(file) in sockets for file in (folder / "fd").iterdir()):
                words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
                return f"{Path(words[0]).name} (process {folder.name})"
        except OSError:
            continue  # another user's, or it has ended
    return "another program"


def _listening_sockets(port: int) -> set[str]:
    """Links under /proc/PID/fd of the sockets that listen on a port."""
    listening = "0A"
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == listening and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
