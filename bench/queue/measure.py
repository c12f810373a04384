"""The measurements: each starts its own redis-server, looks at it from outside, and gives a dict of numbers."""
import os
import re
import subprocess
import tempfile
import time

from machine import LIMIT_S, Failed, Redis, TooShort, answer, cpu_seconds, end, running_seconds, start, tail
from peers import BUILD, NPM

POLL_S = 0.01
WARM_UP = 50  # jobs at the start of a latency measurement that do not count
RATE = 100


def environment(port, latencies=os.devnull):
    return {
        "BENCH_PORT": str(port),
        "BENCH_LATENCIES": latencies,
        "BENCH_NPM": NPM,
        "NODE_ENV": "production",
        "PYTHONDONTWRITEBYTECODE": "1",
        "C_FORCE_ROOT": "1",  # Celery warns about root otherwise
    }


class Worker:
    """One worker process of a peer, ended on leaving."""

    def __init__(self, peer, redis, mode, setting, latencies=os.devnull):
        self._peer = peer
        self._log = tempfile.TemporaryFile()
        self._process = start(peer.command(redis.port, mode, setting), environment(redis.port, latencies), self._log)

    def has_ended(self):
        return self._process.poll() is not None

    def last_words(self):
        return tail(self._log)[:300]

    def cpu_seconds(self):
        return cpu_seconds(self._process.pid)

    def running_seconds(self):
        return running_seconds(self._process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self._process)
        self._log.close()


def drain(peer, redis, worker, jobs):
    """Looks every 10 ms how many results there are. The clock runs from the last look that saw none to the first that sees
    all: starting the worker is no part of it. CPU is counted from the first look that saw some, for the jobs after it."""
    began = time.monotonic()
    zero, first, cpu = began, 0, (0.0, 0.0)
    moved, before = began, 0
    while True:
        count = peer.count(redis)
        now = time.monotonic()
        if count >= jobs:
            break
        if count == 0:
            zero = now
        elif first == 0:
            first, cpu = count, (worker.cpu_seconds(), redis.cpu_seconds())
        if count != before:
            moved, before = now, count
        if worker.has_ended() and peer.count(redis) < jobs:
            raise Failed(f"the worker ended after {count} of {jobs} jobs: {worker.last_words()}")
        if now - moved > 20 or now - began > LIMIT_S:
            raise Failed(f"{count} of {jobs} jobs after {now - began:.0f} s: {worker.last_words()}")
        time.sleep(POLL_S)
    seconds = now - zero
    if first == 0:
        raise TooShort(f"{jobs} jobs are too few to be seen in their course")
    worker_us = (worker.cpu_seconds() - cpu[0]) * 1e6 / (jobs - first)
    redis_us = (redis.cpu_seconds() - cpu[1]) * 1e6 / (jobs - first)
    return {"per_s": jobs / seconds, "seconds": seconds, "worker_cpu_us": worker_us, "redis_cpu_us": redis_us}


def process(peer, setting, jobs, aof):
    """Jobs through one worker process; all are enqueued before it starts, and results are read back after."""
    with Redis(BUILD, aof) as redis:
        ids = os.path.join(BUILD, f"ids-{redis.port}")
        env = environment(redis.port)
        try:
            answer(peer.command(redis.port, "fill", jobs, ids), env)
            with Worker(peer, redis, "drain", setting) as worker:
                numbers = drain(peer, redis, worker, jobs)
            read = answer(peer.command(redis.port, "check", jobs, ids), env)
        finally:
            if os.path.exists(ids):
                os.unlink(ids)
        if read["right"] != read["looked"] or not read["looked"]:
            raise Failed(f"only {read['right']} of {read['looked']} results could be read back as they should be")
        return {"jobs": jobs, "setting": setting, **numbers, "results_read": read["right"]}


def memory(peer, jobs):
    """What Redis needs for a job that waits; a few are there before, so that what is there once is not counted."""
    with Redis(BUILD, aof=False) as redis:
        answer(peer.command(redis.port, "fill", 10, os.devnull), environment(redis.port))
        before = redis.memory()
        answer(peer.command(redis.port, "fill", jobs, os.devnull), environment(redis.port))
        return {"queued_bytes": (redis.memory() - before) / jobs, "jobs": jobs}


def enqueue(peer, seconds):
    """One awaited call at a time, and the peer's best way to put many, one client process."""
    with Redis(BUILD, aof=False) as redis:
        return answer(peer.command(redis.port, "enqueue", seconds), environment(redis.port))


def ruler(seconds):
    """redis-benchmark's SET with one client: a round trip that does next to nothing."""
    with Redis(BUILD, aof=False) as redis:
        command = ["redis-benchmark", "-p", str(redis.port), "-t", "set", "-c", "1", "-n", str(int(20000 * seconds)), "--csv"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
        found = re.search(r'"SET","([0-9.]+)"', done.stdout)
        if not found:
            raise Failed(f"redis-benchmark: {(done.stderr or done.stdout)[-200:]}")
        return {"set_per_s": float(found.group(1))}


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, max(0, round(share * len(values) - 0.5)))]


def latency(peer, setting, seconds):
    """From the call that enqueues to the handler's first step, both by CLOCK_REALTIME; producer and worker are processes."""
    jobs = WARM_UP + int(RATE * seconds)
    with Redis(BUILD, aof=False) as redis, tempfile.NamedTemporaryFile(dir=BUILD) as file:
        with Worker(peer, redis, "serve", setting, file.name) as worker:
            answer(peer.command(redis.port, "produce", jobs, RATE), environment(redis.port, file.name))
            until = time.monotonic() + 10
            while True:
                with open(file.name) as lines:
                    pairs = [line.split() for line in lines]
                if len(pairs) >= jobs:
                    break
                if worker.has_ended() or time.monotonic() > until:
                    raise Failed(f"{len(pairs)} of {jobs} jobs were started: {worker.last_words()}")
                time.sleep(0.05)
        ms = [int(late) / 1e6 for number, late in pairs if int(number) >= WARM_UP]
    return {"p50_ms": quantile(ms, 0.5), "p99_ms": quantile(ms, 0.99), "max_ms": max(ms), "samples": len(ms)}


def own_command(command, jobs, aof):
    """What `coterie bench queue` says of itself, producer and worker in one process: it should agree with the above."""
    with Redis(BUILD, aof) as redis:
        line = [command, "bench", "queue", "--broker", f"redis://127.0.0.1:{redis.port}"]
        return answer([*line, "--jobs", str(jobs), "--runs", "1", "--json"], environment(redis.port))
