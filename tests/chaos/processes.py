"""Processes that do not outlive the orchestrator, and what can be done to them."""
import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def start(words, log, environment=None):
    """In a process group of its own, so that Ctrl-C reaches only the orchestrator, which then ends all. If that is
    killed, the kernel kills them. $REDIS_SERVER, a path, takes the place of redis-server."""
    if words[0] == "redis-server":
        words = [os.environ.get("REDIS_SERVER") or words[0], *words[1:]]
    parent = os.getpid()

    def before_exec():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setpgid(0, 0)
        if os.getppid() != parent:
            os._exit(127)

    with open(log, "ab") as out:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=before_exec,
                                env={**os.environ, **(environment or {})})


def kill(process):
    """SIGKILL, and it is gone when this returns."""
    if process.poll() is None:
        process.kill()
    return process.wait()


def stop(process):
    """SIGSTOP, and it stands still when this returns; False where it is gone."""
    process.send_signal(signal.SIGSTOP)
    for _ in range(2000):
        if process.poll() is not None:
            return False
        with open(f"/proc/{process.pid}/stat", encoding="utf-8", errors="replace") as file:
            if file.read().rpartition(")")[2].split()[0] == "T":
                return True
        time.sleep(0.001)
    return False


def go_on(process):
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)


def clock_ahead():
    """By how many nanoseconds this machine's wall clock is ahead of the one of all events; of some looks the quickest."""
    def look():
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        return after - before, wall - before
    return min(look() for _ in range(5))[1]


class Controls:
    """The file that faults.cpp looks at: microseconds added to the wall clock and to each sync."""

    def __init__(self, path, clock_is_set=lambda since, ahead: None):
        """`clock_is_set(since, ahead)` is told each setting of the wall clock: see clock_ahead."""
        self.path, self.clock_us, self.sync_us, self.furthest_us = path, 0, 0, 0
        self.clock_is_set = clock_is_set
        with open(path, "wb") as file:
            file.write(bytes(16))

    def set(self, clock_us=None, sync_us=None):
        self.clock_us = self.clock_us if clock_us is None else clock_us
        self.sync_us = self.sync_us if sync_us is None else sync_us
        self.furthest_us = max(self.furthest_us, self.clock_us)
        since = time.monotonic_ns()
        with open(self.path, "r+b") as file:  # in place: it is mapped
            file.write(self.clock_us.to_bytes(8, "little", signed=True))
            file.write(self.sync_us.to_bytes(8, "little", signed=True))
        if clock_us is not None:
            self.clock_is_set(since, clock_ahead() + self.clock_us * 1000)

    def heal(self):
        """The clock stays at the furthest that anybody saw: brokers wait until a clock that was set back has caught up."""
        self.set(self.furthest_us, 0)
