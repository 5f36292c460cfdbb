"""Tells systemd that the service is up, alive or stopping, where systemd asked to be told."""

import contextlib
import os
import socket


def notify(state: str) -> bool:
    """Send ``state`` (READY=1, WATCHDOG=1, STOPPING=1) to the socket of NOTIFY_SOCKET, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    # A leading @ means the abstract namespace, which begins with a zero byte.
    target = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(target)
        channel.sendall(state.encode())
        return True
    return False
