"""Runs the programs, once each, pinned to one core, or to two: what they print becomes a number."""
import json
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCES = os.path.join(HERE, "..", "reference")
UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
# The system's own Python: it is the one that has uvloop as a package.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else "python3"


class Failed(Exception):
    pass


def usable_cores():
    return sorted(os.sched_getaffinity(0))


def pinned(cores):
    """To the first so many of the cores that this process may use."""
    return ["taskset", "-c", ",".join(str(core) for core in usable_cores()[:cores])] if shutil.which("taskset") else []


def output(command, limit_s, cores=1):
    try:
        done = subprocess.run(pinned(cores) + command, capture_output=True, text=True, timeout=limit_s, env=dict(os.environ, LC_ALL="C"))
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{' '.join(command)}: no end within {limit_s} s") from late
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}; make bench builds and installs what is needed") from error
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


class Programs:
    def __init__(self, build, scale, min_time_s, limit_s=120):
        self.build, self.scale, self.min_time_s, self.limit_s = build, scale, min_time_s, limit_s

    def ours(self, key, cores=1):
        """A benchmark of runtime_bench as Google Benchmark tells it, its times in ns."""
        told = json.loads(output([
            os.path.join(self.build, "runtime_bench"), f"--benchmark_filter=^{re.escape(key)}(/[a-z].*)?$",
            f"--benchmark_min_time={self.min_time_s}", "--benchmark_format=json"], self.limit_s, cores))
        if len(told["benchmarks"]) != 1:
            raise Failed(f"runtime_bench: {len(told['benchmarks'])} benchmarks are named {key}")
        found = told["benchmarks"][0]
        unit = UNITS[found["time_unit"]]
        return {"cpu": found["cpu_time"] * unit, "wall": found["real_time"] * unit, "bytes": found.get("bytes_each")}

    def reference(self, program, row, count, cores=1):
        count = self.scaled(program, row, count)
        return last_json(output([os.path.join(self.build, "reference", program), row, str(count)], self.limit_s, cores), program)

    def python(self, loop, row, count):
        script = os.path.join(REFERENCES, "asyncio_bench.py")
        count = self.scaled(loop, row, count)
        return last_json(output([PYTHON, script] + (["--uvloop"] if loop == "uvloop" else []) + [row, str(count)], self.limit_s), loop)

    def scaled(self, program, row, count):
        least = 1000 if "1000" in row else 100
        return count if self.scale == 1 else max(least, int(count * self.scale) // 1000 * 1000 or least)


def last_json(text, who):
    try:
        return json.loads(text.strip().splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise Failed(f"{who} printed no JSON: {text[-200:]!r}") from error


def load():
    with open("/proc/loadavg", encoding="ascii") as file:
        return float(file.read().split()[0])


def machine():
    name = "unknown"
    with open("/proc/cpuinfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
    return {"processor": name, "cores": os.cpu_count(), "compiler": compiler}
