"""What the two Python peers have in common: the jobs' contents, the latency file, the schedule of a producer.

A payload is a string of 198 characters, a result one of 98: 200 and 100 bytes as JSON, as Coterie's are.
"""
import json
import os
import sys
import time

BATCH = 1000
SAMPLE = 1000  # results that a check reads back
_latencies = None


def payload(n):
    return f"{n:012d}".ljust(198, "x")


def result(text):
    return text[:12].ljust(98, "y")


def stamp(text):
    """The handler of a job whose latency is measured: one line, "NUMBER NANOSECONDS"."""
    global _latencies
    now = time.time_ns()
    if _latencies is None:
        _latencies = os.open(os.environ["BENCH_LATENCIES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(_latencies, b"%s %d\n" % (text[:12].encode(), now - int(text[13:33])))
    return result(text)


def say(**fields):
    print(json.dumps(fields), flush=True)


def rate(call, seconds, at_a_time=1):
    """How often a second `call(first_number)` puts `at_a_time` jobs, over about so many seconds."""
    start = time.perf_counter()
    done, spent = 0, 0.0
    while spent < seconds:
        call(done)
        done += at_a_time
        spent = time.perf_counter() - start
    return round(done / spent, 1)


def fill(put, count, ids_file):
    """`put(first, end)` puts these jobs and gives their ids; batches of a thousand."""
    ids = []
    start = time.perf_counter()
    for first in range(0, count, BATCH):
        ids += put(first, min(count, first + BATCH))
    spent = time.perf_counter() - start
    with open(ids_file, "w") as file:
        file.writelines(f"{each}\n" for each in ids)
    say(jobs=count, seconds=spent)


def produce(put, count, per_s):
    """Jobs at fixed times. The first goes ahead alone: the worker is there when it has come through."""
    due = time.monotonic()
    for n in range(count):
        pause = due - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        put(f"{n:012d} {time.time_ns():020d}".ljust(198, "x"))
        due += 1 / per_s
        if n == 0:
            path = os.environ["BENCH_LATENCIES"]
            while not (os.path.exists(path) and os.path.getsize(path)):
                time.sleep(0.01)
            due = time.monotonic() + 1 / per_s
    say(sent=count)


def check(read, count, ids_file):
    """`read(id)` gives a result; up to a thousand are read, evenly spread."""
    with open(ids_file) as file:
        ids = file.read().split()
    numbers = range(0, count, max(1, -(-count // SAMPLE)))
    say(looked=len(numbers), right=sum(read(ids[n]) == result(payload(n)) for n in numbers))


def arguments():
    """(port, mode, A, B), see bench/bench-queue; B may be missing."""
    if len(sys.argv) < 4:
        sys.exit(f"usage: {sys.argv[0]} PORT MODE A [B]; bench/bench-queue says which")
    return int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else None
