"""What worlds of several servers share."""
import asyncio
import socket
import time

from resp import Refused

PATIENCE_S = 40   # for anything that servers do among themselves


def free_ports(count):
    """Of 127.0.0.1, where nobody listens at this moment."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


async def until(what, is_so):
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            if is_so():
                return
        except (OSError, Refused):
            pass
        if time.monotonic() > end:
            raise RuntimeError(f"the world did not come to be so within {PATIENCE_S} s: {what}")
        await asyncio.sleep(0.02)
