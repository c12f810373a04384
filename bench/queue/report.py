"""Medians, ratios, the tables, the JSON."""
import datetime
import os
import platform
import statistics
import time

# title, kind of measurement, its number, whether more is better, decimals
FIGURES = [
    ("processed/s", "process", "per_s", True, 0),
    ("processed/s, AOF everysec", "process_aof", "per_s", True, 0),
    ("bulk enqueued/s", "enqueue", "bulk_per_s", True, 0),
    ("enqueued/s one at a time", "enqueue", "single_per_s", True, 0),
    ("latency p50, ms", "latency", "p50_ms", False, 2),
    ("latency p99, ms", "latency", "p99_ms", False, 2),
    ("worker CPU, us/job", "process", "worker_cpu_us", False, 1),
    ("Redis CPU, us/job", "process", "redis_cpu_us", False, 1),
    ("Redis CPU, us/job, AOF", "process_aof", "redis_cpu_us", False, 1),
    ("Redis bytes/queued job", "memory", "queued_bytes", False, 0),
]


class Spread:
    def __init__(self, values):
        self.median, self.least, self.most = statistics.median(values), min(values), max(values)

    def json(self):
        return {"median": self.median, "range": [self.least, self.most]}


def numbers(runs, kind, peer, key):
    """{round: number}; rounds in which it was not measured are missing."""
    return {n: run[key] for n, run in runs.get(kind, {}).get(peer, {}).items() if key in run}


def ratios(runs, peer, against, figure):
    """How many times better, round by round, so that a machine that is slow for a while is so for both."""
    _, kind, key, more_is_better, _ = figure
    ours, theirs = numbers(runs, kind, peer, key), numbers(runs, kind, against, key)
    pairs = [(ours[n], theirs[n]) for n in ours if n in theirs and ours[n] > 0 and theirs[n] > 0]
    return [a / b if more_is_better else b / a for a, b in pairs]


def to_ruler(runs, peer):
    """Awaited enqueues for each SET of redis-benchmark with one client, round by round."""
    ours, ruler = numbers(runs, "enqueue", peer, "single_per_s"), numbers(runs, "ruler", "redis-benchmark", "set_per_s")
    return [ours[n] / ruler[n] for n in ours if n in ruler]


def summary(runs, peers):
    out = {}
    for peer in peers:
        figures = {}
        for title, kind, key, _, _ in FIGURES:
            values = list(numbers(runs, kind, peer, key).values())
            if values:
                figures[title] = Spread(values).json()
        if to_ruler(runs, peer):
            figures["enqueued/s one at a time / SET"] = Spread(to_ruler(runs, peer)).json()
        out[peer] = figures
    return out


def ratio_summary(runs, ours, peers):
    return {
        peer: {figure[0]: Spread(values).json() for figure in FIGURES if (values := ratios(runs, ours, peer, figure))}
        for peer in peers
        if peer != ours
    }


def busy_cores(seconds=1.0):
    """How many cores work while this program does nothing: others' work, which spoils every figure."""

    def look():
        with open("/proc/stat") as file:
            ticks = list(map(int, file.readline().split()[1:9]))
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # less idle and iowait

    before = look()
    time.sleep(seconds)
    after = look()
    return round((after[0] - before[0]) / max(1, after[1] - before[1]) * os.cpu_count(), 2)


def machine():
    model = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "kernel": platform.release(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def _table(out, head, rows):
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]
    for line in [head, *rows]:
        out.append("  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:]))]))
    out.append("")


def text(report):
    """The two tables. A dash: not measured, and below them why."""
    peers, out = report["peers"], []
    names = list(peers)
    labels = [f"{name} {peers[name].get('version') or ''}".strip() for name in names]
    rows = [["  its setting", *(str(peers[name].get("setting") or "-") for name in names)]]
    for title, _, _, _, digits in FIGURES:
        cells = [report["figures"].get(name, {}).get(title) for name in names]
        rows.append([title, *(f"{cell['median']:,.{digits}f}" if cell else "-" for cell in cells)])
    shares = [report["figures"].get(name, {}).get("enqueued/s one at a time / SET") for name in names]
    rows.append(["  of redis-benchmark's SET", *(f"{cell['median']:.3f}" if cell else "-" for cell in shares)])
    _table(out, ["median", *labels], rows)

    others = list(report["ratios"])
    rows = []
    for title, *_ in FIGURES:
        cells = [report["ratios"][name].get(title) for name in others]
        form = [f"{c['median']:.3g} ({c['range'][0]:.3g}-{c['range'][1]:.3g})" if c else "-" for c in cells]
        rows.append([title, *form])
    if any(report["ratios"].values()):
        _table(out, ["coterie is so many times better than", *others], rows)
    if report["set_per_s"]:
        out.append(f"redis-benchmark -t set -c 1: {report['set_per_s']['median']:,.0f}/s")
    for aof, own in report["coterie_bench_queue"].items():
        out.append(
            f"coterie bench queue, one process, {aof}: {own['process_per_s']:,.0f} processed/s, "
            f"{own['enqueue_per_s']:,.0f} enqueued/s, p50 {own['latency_ms']['p50']:.2f} ms"
        )
    out += [f"{name}: {peer['note']}" for name, peer in peers.items()]
    out += [f"{name}: {peer['missing']}" for name, peer in peers.items() if peer.get("missing")]
    out += report["troubles"]
    busy = report["machine"]["busy_cores"]
    if max(busy.values()) > 0.1:
        out.append(
            f"Other work kept {busy['before']:.1f} cores busy before and {busy['after']:.1f} after: do not quote these figures."
        )
    return "\n".join(out)


def load_text(result):
    """A line for each figure of make bench-queue-load, with what it is to be held against."""
    found, out = result["figures"], []
    if "backlog" in found:
        at = found["backlog"]
        few, many = at["runs"][0]["small"]["queued"], at["runs"][0]["large"]["queued"]
        out.append(f"{many:,} queued: {at['per_s_large']:,.0f} jobs/s, {at['ratio']:.2f} of the {at['per_s_small']:,.0f} at "
                   f"{few:,}; {at['queued_bytes']:.0f} bytes of Redis each")
        out.append(f"  CPU for a job there and here: Redis {at['large']['redis_us']:.2f} and {at['small']['redis_us']:.2f} us, the worker "
                   f"{at['large']['worker_us']:.2f} and {at['small']['worker_us']:.2f}; {at['large']['scripts'] * 1000:.0f} and "
                   f"{at['small']['scripts'] * 1000:.0f} scripts for 1,000 jobs")
        here, there = at["small"]["commands_us"], at["large"]["commands_us"]
        most = sorted(there, key=lambda name: here.get(name, 0) - there[name])[:8]
        out.append("  Redis' time by command (INFO commandstats), first what differs most: "
                   + ", ".join(f"{name} {there[name]:.2f} and {here.get(name, 0):.2f}" for name in most))
    if "passed" in found:
        at = found["passed"]
        out.append(f"{at['jobs']:,} passed: {at['bytes_of_an_id']:.0f} bytes for each id that is known 24 h longer; then "
                   f"used_memory {at['after']['used_memory']:,}, {at['memory_ratio']:.3f} of before, {at['after']['keys']} keys, "
                   f"{at['keys_ratio']:.3f} of before; {at['queued_bytes_again']:.0f} bytes for each job that is queued after them")
    if "stranger" in found:
        at = found["stranger"]
        slow = ", ".join(f"{count} {name}" for name, count in at["slow_commands"].items()) or "none"
        out.append(f"{at['workers']} busy workers, {at['per_s']:,.0f} jobs/s: PING p50 {at['p50_ms']:.2f}, p99 {at['p99_ms']:.2f}, "
                   f"max {at['max_ms']:.2f} ms of {at['samples']:,}; above 1 ms in SLOWLOG: {slow}, the slowest "
                   f"{at['slowest_us']} us")
    if "idle" in found:
        at = found["idle"]
        out.append(f"{at['workers']:,} idle workers: {at['per_s']:,.1f} scripts/s from all, {at['inside_per_s']:,.0f} commands/s "
                   "inside of them")
    for run in found.get("failing", {}).get("runs", []):
        out.append(f"{run['attempts']} failed attempts: {run['redis_bytes']:.0f} bytes of Redis for an ended job, "
                   f"{run['x_bytes']} of them in x<id>; {run['sqlite_bytes']:.0f} of a SQLite file")
    for at in found.get("masters", []):
        out.append(f"{at['masters']} masters, {at['workers']} busy workers: {at['per_s']:,.0f} jobs/s, "
                   f"{at['per_s'] / found['masters'][0]['per_s']:.2f} of the first line; masters busy "
                   f"{min(at['masters_busy']):.0%} to {max(at['masters_busy']):.0%}, workers {at['worker_busy']:.0%}")
    return "\n".join(out + result["troubles"])
