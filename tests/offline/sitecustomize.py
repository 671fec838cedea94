"""No program of ours calls the internet: in every process of the tests, asking for it ends the process.

Python imports this file at its start wherever its folder is on PYTHONPATH; `conftest.py` puts it there. Loopback and
local sockets are let through: notebooks and worker processes talk over them.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from typing import Any


class InternetUsed(BaseException):
    """Not an Exception: code that takes a missing network in its stride shall not hide that it asked."""


_TO_AN_ADDRESS = ("socket.connect", "socket.sendto", "socket.sendmsg")
_FOR_A_NAME = ("socket.getaddrinfo", "socket.gethostbyname")


def watch(event: str, args: tuple[Any, ...]) -> None:
    """Raise where an audited call is about another machine."""
    if event in _FOR_A_NAME:
        host = args[0]
    elif event in _TO_AN_ADDRESS and isinstance(args[1], tuple) and args[0].family.name in ("AF_INET", "AF_INET6"):
        host = args[1][0]
    else:
        return
    if not _is_here(host.decode() if isinstance(host, bytes) else host):
        raise InternetUsed(f"{event} of {host!r}: nothing here may call the internet")


def _is_here(host: str | None) -> bool:
    try:
        address = ipaddress.ip_address(host or "::")
    except ValueError:
        return host in ("localhost", socket.gethostname())
    return address.is_loopback or address.is_unspecified


# The interpreter's own audit events: whatever imported `socket`, and however, it cannot go round them.
sys.addaudithook(watch)
