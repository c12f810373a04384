"""Processes and servers of make bench-queue, each with a limit of time, each ended by its id."""
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

LIMIT_S = 60  # of one program, and of one measurement
TICK = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """A measurement that gave no number, and why."""


class TooShort(Failed):
    """It was over before anything could be seen."""


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(command, env, log):
    """A session of its own, so that all that it forks can be found, measured and ended."""
    return subprocess.Popen(
        command,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )


def session(leader):
    """[(pid, clock ticks of CPU)] of the processes in this session; children that have ended count in their parent."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            found.append((int(name), sum(map(int, fields[11:15]))))
    return found


def cpu_seconds(leader):
    return sum(ticks for _, ticks in session(leader)) / TICK


def running_seconds(pid):
    """Of the threads that a process has now, to the nanosecond: for what is shorter than some ticks."""
    spent = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            spent += int(file.read().split()[0])
    return spent / 1e9


def end(process):
    """At once: what a worker does at its end is no part of any measurement, and its Redis ends next."""
    for pid, _ in session(process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.kill()
    process.wait()


def tail(log):
    log.seek(0)
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def answer(command, env, limit=LIMIT_S):
    """Runs a program to its end and gives the JSON of its last line."""
    with tempfile.TemporaryFile() as out:
        process = start(command, env, out)
        try:
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            raise Failed(f"{os.path.basename(command[1])} {' '.join(command[2:])} took more than {limit} s")
        finally:
            end(process)
        last = tail(out)
    if code != 0:
        raise Failed(f"exit code {code}: {last[:300]}")
    try:
        return json.loads(last)
    except json.JSONDecodeError:
        raise Failed(f"no JSON but: {last[:300]}")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Redis:
    """A fresh redis-server on a free port of 127.0.0.1, its files in a folder that goes with it. `more`: of its arguments."""

    def __init__(self, folder, aof, environment=None, more=()):
        self._folder = tempfile.mkdtemp(prefix="redis-", dir=folder)
        self.port = free_port()
        self._log = open(os.path.join(self._folder, "log"), "w+b")
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", self._folder, "--appendfsync", "everysec", "--appendonly", "yes" if aof else "no", *more]
        self._socket = None
        self._process = start(command, environment or {}, self._log)
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self):
        until = time.monotonic() + 10
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
                break
            except OSError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise Failed(f"redis-server did not start: {tail(self._log)}")
                time.sleep(0.01)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        self("PING")

    def __call__(self, *words):
        """One command; its reply. A connection is in one database: SELECT stays."""
        parts = [str(word).encode() for word in words]
        text = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self._socket.sendall(text)
        return self._read(words[0])

    def _read(self, command):
        line = self._reader.readline().rstrip()
        kind, rest = line[:1], line[1:]
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._reader.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == b"+":
            return rest.decode()
        if kind == b"*":
            return [self._read(command) for _ in range(int(rest))]
        raise Failed(f"redis-server: {command}: {line.decode()}")

    def info(self, section):
        return self.info_of("INFO", section)

    def info_of(self, *command):
        return dict(line.split(":", 1) for line in self(*command).splitlines() if ":" in line)

    def cpu_seconds(self):
        info = self.info("cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def memory(self):
        return int(self.info("memory")["used_memory"])

    def close(self):
        if self._socket:
            self._socket.close()
        end(self._process)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
