"""Redis' protocol, as much of it as an administrator needs."""
import socket


class Refused(RuntimeError):
    """An error reply."""


def ask(address, *words, timeout=5):
    """One command over a connection of its own. `address`: a path, or (host, port). Gives bytes, int, list or None."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    request = b"*%d\r\n" % len(words)
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        request += b"$%d\r\n%s\r\n" % (len(data), data)
    with socket.socket(family) as connection:
        connection.settimeout(timeout)
        connection.connect(address)
        connection.sendall(request)
        with connection.makefile("rb") as stream:
            return _read(stream)


def _read(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the connection ended within a reply")
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise Refused(rest.decode())
    if kind == b"+":
        return rest
    if kind == b":":
        return int(rest)
    size = int(rest)
    if size < 0:
        return None
    if kind == b"*":
        return [_read(stream) for _ in range(size)]
    data = stream.read(size + 2)
    if len(data) != size + 2:
        raise ConnectionError("the connection ended within a reply")
    return data[:-2]
