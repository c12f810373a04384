"""The measurements of make bench-queue-load: what a big backlog, a long life, many busy and many idle workers, and jobs that
fail cost."""
import os
import sqlite3
import statistics
import tempfile
import time

import measure
from machine import Failed, Redis, answer, end, start, tail
from peers import BUILD

CONCURRENCY = "1000"
WARM_UP_JOBS = 2000
HOUR_US = 3600 * 1_000_000
KEPT_MS = 1000
QUEUED_AGAIN = 1_000_000
A_DAY_AND_MORE_US = 25 * HOUR_US


def fill(peer, redis, jobs, kept_ms=None, limit=3600):
    extra = [] if kept_ms is None else [kept_ms]
    return answer(peer.command(redis.port, "fill", jobs, os.devnull, *extra), measure.environment(redis.port), limit)


def worker(peer, redis):
    return measure.Worker(peer, redis, "drain", CONCURRENCY)


def waits(redis, what, is_so, limit, *processes):
    until = time.monotonic() + limit
    while not is_so():
        for process in processes:
            if process.has_ended():
                raise Failed(f"{what}: a worker ended: {process.last_words()}")
        if time.monotonic() > until:
            raise Failed(f"{what}: not within {limit} s")
        time.sleep(measure.POLL_S)


def commands(redis):
    """INFO commandstats: of each command its `calls`, its `usec` and more. Those that scripts call stand there too."""
    return {name.removeprefix("cmdstat_"): {key: float(value) for key, value in (part.split("=") for part in line.split(","))}
            for name, line in redis.info("commandstats").items()}


# What processes with workers send, and we here; none of it is called by the scripts of a cycle.
SENT = {"evalsha", "hgetall", "ping", "ssubscribe", "client", "config", "hello", "auth", "select", "script"}
OURS = {"info", "zcard"}


# --- a: the length of the backlog -------------------------------------------------------------------------------------


def queued_bytes(peer, redis, jobs):
    """What one of so many that are put in now takes; nobody works."""
    before = redis.memory()
    fill(peer, redis, jobs)
    return (redis.memory() - before) / jobs


class Costs:
    """What was spent until now: CPU of Redis and of the worker, and Redis' time by command, s. A script's own time holds that
    of the commands that it calls; less them it is Lua's."""

    def __init__(self, redis, working):
        self.redis, self.worker = redis.cpu_seconds(), working.running_seconds()
        stats = commands(redis)
        self.scripts = stats["evalsha"]["calls"]
        self.commands = {name: fields["usec"] / 1e6 for name, fields in stats.items()}

    def each(self, before, jobs):
        """Since `before`, us for one of so many jobs."""
        spent = {name: (now - before.commands.get(name, 0)) * 1e6 / jobs for name, now in self.commands.items()}
        scripts = spent.pop("evalsha", 0)
        inside = {name: us for name, us in spent.items() if name.split("|")[0] not in SENT | OURS}
        return {
            "redis_us": (self.redis - before.redis) * 1e6 / jobs,
            "worker_us": (self.worker - before.worker) * 1e6 / jobs,
            "scripts": (self.scripts - before.scripts) / jobs,
            "commands_us": {"lua": scripts - sum(inside.values()), **inside},
        }


def rate_in_a_backlog(peer, jobs, counted):
    """Jobs/s while `counted` of them leave a queue of `jobs`, and what each costs; what a queued one takes in Redis."""
    with Redis(BUILD, aof=False) as redis:
        fill(peer, redis, 10)
        bytes_each = queued_bytes(peer, redis, jobs)
        with worker(peer, redis) as working:
            waits(redis, "the first jobs", lambda: peer.count(redis) > 0, 60, working)
            costs, began, first = Costs(redis, working), time.monotonic(), peer.count(redis)
            waits(redis, f"{counted} jobs", lambda: peer.count(redis) >= min(counted, jobs), 600, working)
            seconds, done = time.monotonic() - began, peer.count(redis) - first
            costs = Costs(redis, working).each(costs, done)
    return {"queued": jobs, "counted": done, "per_s": done / seconds, "queued_bytes": bytes_each, **costs}


def of_rounds(runs):
    """Medians of what a job costs, the commands where it is not next to nothing."""
    names = {name for run in runs for name, us in run["commands_us"].items() if us >= 0.05}
    of_each = {name: statistics.median(run["commands_us"].get(name, 0) for run in runs) for name in names}
    return {
        "redis_us": statistics.median(run["redis_us"] for run in runs),
        "worker_us": statistics.median(run["worker_us"] for run in runs),
        "scripts": statistics.median(run["scripts"] for run in runs),
        "commands_us": dict(sorted(of_each.items(), key=lambda entry: -entry[1])),
    }


def backlog(peer, small, large, rounds, say):
    """Round by round, small and large one after the other; each rate is that of the first `small` jobs of the queue."""
    runs = []
    for number in range(1, rounds + 1):
        pair = {"small": rate_in_a_backlog(peer, small, small), "large": rate_in_a_backlog(peer, large, small)}
        runs.append(pair)
        say(f"backlog, round {number}: {pair['small']['per_s']:,.0f}/s at {small:,} queued, "
            f"{pair['large']['per_s']:,.0f}/s at {large:,}; {pair['large']['queued_bytes']:.0f} bytes each; "
            f"{pair['small']['redis_us']:.1f} and {pair['large']['redis_us']:.1f} us of Redis")
    return {
        "per_s_small": statistics.median(run["small"]["per_s"] for run in runs),
        "per_s_large": statistics.median(run["large"]["per_s"] for run in runs),
        "ratio": statistics.median(run["large"]["per_s"] / run["small"]["per_s"] for run in runs),
        "queued_bytes": statistics.median(run["large"]["queued_bytes"] for run in runs),
        "small": of_rounds([run["small"] for run in runs]),
        "large": of_rounds([run["large"] for run in runs]),
        "runs": runs,
    }


# --- b: what is left of jobs that have passed ---------------------------------------------------------------------------


class Clock:
    """Of one redis-server: the library of the chaos tests adds to its wall clock."""

    def __init__(self, library):
        self._file = tempfile.NamedTemporaryFile(dir=BUILD)
        self._file.write(bytes(16))
        self._file.flush()
        self.environment = {"LD_PRELOAD": library, "CHAOS_CONTROL": self._file.name}

    def step(self, microseconds):
        with open(self._file.name, "r+b") as file:
            file.write(microseconds.to_bytes(8, "little", signed=True))

    def close(self):
        self._file.close()


def look(redis):
    return {"used_memory": redis.memory(), "keys": redis("DBSIZE"), "tombs": redis("ZCARD", "{coterie:0}T")}


def empty(peer, redis):
    """No job is there, waiting or ended; ids may be."""
    return redis("HLEN", "{coterie:0}Q") == 0 and redis("ZCARD", "{coterie:0}h") == 0


def passed(peer, jobs, library, say):
    """Jobs come, are run, and are forgotten after a second; their ids are known for a day more. That day is given to the
    server's clock at once, while no worker is there: one that is would measure that it did not pass. The next one
    forgets. Then jobs are queued again, and measured."""
    clock = Clock(library)
    try:
        with Redis(BUILD, aof=False, environment=clock.environment) as redis:
            redis("CONFIG", "SET", "slowlog-max-len", 0)  # it is memory too, and grows on a busy machine
            with worker(peer, redis) as working:
                fill(peer, redis, WARM_UP_JOBS, KEPT_MS)
                waits(redis, "the first jobs are forgotten", lambda: empty(peer, redis), 120, working)
            clock.step(A_DAY_AND_MORE_US)
            with worker(peer, redis) as working:
                waits(redis, "their ids are", lambda: redis("ZCARD", "{coterie:0}T") == 0, 120, working)
                before = look(redis)
                began = time.monotonic()
                fill(peer, redis, jobs, KEPT_MS)
                waits(redis, "all are forgotten", lambda: empty(peer, redis), 3600, working)
                seconds = time.monotonic() - began
                day = look(redis)
                say(f"{jobs:,} jobs have passed in {seconds:.0f} s: {day['tombs']:,} ids are known for 24 h, "
                    f"{(day['used_memory'] - before['used_memory']) / max(1, day['tombs']):.0f} bytes each")
            clock.step(2 * A_DAY_AND_MORE_US)
            with worker(peer, redis) as working:
                waits(redis, "the ids are forgotten", lambda: redis("ZCARD", "{coterie:0}T") == 0, 1800, working)
                time.sleep(1)  # what was unlinked is freed by a thread of its own
                after = look(redis)
            again = queued_bytes(peer, redis, min(jobs, QUEUED_AGAIN))
            say(f"after them {again:.0f} bytes for each job that is queued")
    finally:
        clock.close()
    return {
        "jobs": jobs,
        "per_s": jobs / seconds,
        "before": before,
        "ids_known": day,
        "bytes_of_an_id": (day["used_memory"] - before["used_memory"]) / max(1, day["tombs"]),
        "after": after,
        "memory_ratio": after["used_memory"] / before["used_memory"],
        "keys_ratio": after["keys"] / max(1, before["keys"]),
        "queued_bytes_again": again,
    }


# --- c: a stranger ------------------------------------------------------------------------------------------------------


def ping_until(redis, end_at):
    """Milliseconds of one PING after the other, some 200 a second."""
    times = []
    while time.monotonic() < end_at:
        began = time.perf_counter()
        redis("PING")
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    return times


def spread(times):
    return {
        "p50_ms": measure.quantile(times, 0.5),
        "p99_ms": measure.quantile(times, 0.99),
        "max_ms": max(times),
        "samples": len(times),
    }


def waiting(redis):
    number = redis("HGET", "{coterie:0}Q", "bench")
    return int(redis("HGET", "{coterie:0}c" + number, 2) or 0) if number else 0  # 2: ready


def stranger(peer, workers, seconds, per_s, say):
    """PING over a connection of its own while workers are busy with a backlog that is not at its end when the time is; the
    same on the idle server before says what of it is the machine's. `per_s`: what the workers may be able to do."""
    with Redis(BUILD, aof=False) as redis:
        alone = spread(ping_until(redis, time.monotonic() + min(5, seconds)))
        redis("CONFIG", "SET", "slowlog-log-slower-than", 1000)
        redis("CONFIG", "SET", "slowlog-max-len", 10000)
        fill(peer, redis, int((seconds + 5) * per_s * 1.5), KEPT_MS)
        busy = []
        try:
            for _ in range(workers):
                busy.append(worker(peer, redis))
            waits(redis, "the first jobs", lambda: peer.count(redis) > 0, 60, *busy)
            time.sleep(1)
            redis("SLOWLOG", "RESET")
            before, cpu = waiting(redis), redis.cpu_seconds()
            times = ping_until(redis, time.monotonic() + seconds)
            left, cpu = waiting(redis), redis.cpu_seconds() - cpu
            slow = redis("SLOWLOG", "GET", 10000)
            if any(each.has_ended() for each in busy) or left == 0:
                raise Failed(f"with {left} jobs left and {sum(each.has_ended() for each in busy)} workers ended at its end")
        finally:
            for each in busy:
                each.__exit__()
    found = spread(times)
    counts = {}
    for entry in slow:
        counts[entry[3][0].upper()] = counts.get(entry[3][0].upper(), 0) + 1
    say(f"PING with {workers} busy workers: p50 {found['p50_ms']:.2f}, p99 {found['p99_ms']:.2f}, max {found['max_ms']:.2f} ms "
        f"(idle: {alone['p50_ms']:.2f}, {alone['p99_ms']:.2f}, {alone['max_ms']:.2f}); {len(slow)} commands above 1 ms")
    return {"workers": workers, "seconds": seconds, **found, "per_s": (before - left) / seconds, "redis_busy": cpu / seconds,
            "idle_server": alone, "slow_commands": counts, "slowest_us": max((entry[2] for entry in slow), default=0)}


# --- d: workers with nothing to do --------------------------------------------------------------------------------------


def calls(redis):
    return {name: int(fields["calls"]) for name, fields in commands(redis).items()}


def idle(peer, workers, seconds, say):
    """Real workers over one broker in one process. `per_s` counts what clients send; what scripts call is beside it."""
    with Redis(BUILD, aof=False) as redis, measure.Worker(peer, redis, "idle", workers) as process:
        waits(redis, f"{workers} workers sleep", lambda: redis("ZCARD", "{coterie:0}A") >= workers, 120, process)
        time.sleep(11)  # until they look at different times: each third of a lease
        before, began = calls(redis), time.monotonic()
        time.sleep(seconds)
        after, took = calls(redis), time.monotonic() - began
        sleeping = redis("ZCARD", "{coterie:0}A")
        if process.has_ended():
            raise Failed(f"the workers ended: {process.last_words()}")
    grown = {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}
    sent = sum(count for name, count in grown.items() if name.split("|")[0] in SENT)
    inside = sum(count for name, count in grown.items() if name.split("|")[0] not in SENT | OURS)
    say(f"{workers:,} idle workers: {sent / took:,.0f} commands/s, {inside / took:,.0f} more inside of their scripts")
    return {"workers": workers, "asleep": sleeping, "seconds": took, "per_s": sent / took, "inside_per_s": inside / took,
            "commands": {name: count / took for name, count in sorted(grown.items())}}


# --- e: jobs that fail ---------------------------------------------------------------------------------------------------


class File:
    """A fresh SQLite queue in a folder that goes with it, with as much of Redis' face as is looked at here."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(dir=BUILD)
        self._path = os.path.join(self._folder.name, "jobs.db")
        self.port = f"sqlite://{self._path}?synchronous=off"

    def _one(self, sql):
        connection = sqlite3.connect(self._path)
        try:
            return connection.execute(sql).fetchone()[0] or 0
        finally:
            connection.close()

    def memory(self):
        """Bytes of the pages that hold something."""
        return (self._one("PRAGMA page_count") - self._one("PRAGMA freelist_count")) * self._one("PRAGMA page_size")

    def ended(self):
        return self._one("SELECT sum(jobs) FROM counts WHERE state IN (5, 6)")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()


def ended_in_redis(redis):
    number = redis("HGET", "{coterie:0}Q", "bench")
    return sum(int(redis("HGET", "{coterie:0}c" + number, state) or 0) for state in (5, 6)) if number else 0  # done, dead


# Their mean; keys are bytes, so they stay there.
EXTRAS_BYTES = """local sum, keys = 0, redis.call('KEYS', '{coterie:0}x*')
for _, key in ipairs(keys) do sum = sum + redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0') end
return #keys > 0 and math.floor(sum / #keys) or 0"""


def ended_bytes(peer, store, ended, jobs, attempts):
    """What one of so many takes at its end: done at once, or dead after so many attempts."""
    fill(peer, store, 10)
    with worker(peer, store) as working:
        waits(store, "the first jobs end", lambda: ended() == 10, 60, working)
        before = store.memory()
        if attempts == 0:
            fill(peer, store, jobs)
        else:
            answer(peer.command(store.port, "fill_failing", jobs, attempts), measure.environment(store.port), 600)
        waits(store, "all jobs end", lambda: ended() == jobs + 10, 600, working)
    return (store.memory() - before) / jobs


def failing(peer, jobs, say):
    found = []
    for attempts in (0, 1, 10):
        with Redis(BUILD, aof=False) as redis:
            redis("CONFIG", "SET", "slowlog-max-len", 0)
            on_redis = ended_bytes(peer, redis, lambda: ended_in_redis(redis), jobs, attempts)
            extras = redis("EVAL", EXTRAS_BYTES, 0)
        with File() as file:
            on_sqlite = ended_bytes(peer, file, file.ended, jobs, attempts)
        found.append({"attempts": attempts, "redis_bytes": on_redis, "x_bytes": extras, "sqlite_bytes": on_sqlite})
        say(f"{attempts} failed attempts: {on_redis:.0f} bytes of Redis, {extras} of them in x<id>; {on_sqlite:.0f} of a file")
    return {"jobs": jobs, "runs": found}
