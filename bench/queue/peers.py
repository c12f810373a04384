"""Who takes part: how each is started, which settings are tried, and where Redis says how many results it has stored."""
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build", "bench-queue")
NPM = os.path.join(BUILD, "npm")
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's packages; another one may stand before it in PATH


class Peer:
    """`settings`: what is tried, with the jobs of that first try. `probe`: a command that prints the version, or fails."""

    def __init__(self, name, program, settings, count, probe, install, note):
        self.name = name
        self.program = program
        self.settings = settings
        self.count = count
        self.probe = probe
        self.install = install
        self.note = note
        self.version = None

    def command(self, port, mode, *arguments):
        return [*self.program, str(port), mode, *map(str, arguments)]

    def missing(self):
        """Why it cannot be measured; nothing where it can."""
        try:
            done = subprocess.run(self.probe, capture_output=True, text=True, timeout=60, env={**os.environ, "BENCH_NPM": NPM})
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{error}; {self.install}"
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            return f"{last[:160]}; {self.install}"
        self.version = done.stdout.split()[-1]  # "coterie 0.1.0" too
        return None


def _ours(redis):
    number = redis("HGET", "{coterie:0}Q", "bench")
    return int(redis("HGET", "{coterie:0}c" + number, 5) or 0) if number else 0  # 5: done


def _celery(redis):
    redis("SELECT", 1)
    return redis("DBSIZE")


def _key(*words):
    return lambda redis: redis(*words)


def script(name):
    return os.path.join(HERE, name)


def all_peers(binary, command):
    ours = Peer(
        "coterie", [binary], [("1000", 60000)], _ours, [command, "--version"], "make bench-queue builds it",
        "fenced leases; ends and results in one script",
    )
    debian = "scripts/bootstrap peers installs it"
    return [
        ours,
        Peer(
            "celery", [PYTHON, script("celery_bench.py")], [("1", 1200), ("2", 1200), ("4", 1200)], _celery,
            [PYTHON, "-c", "import celery, redis; print(celery.__version__)"], debian,
            "prefork, acks_late, results in Redis",
        ),
        Peer(
            "rq", [PYTHON, script("rq_bench.py")], [("simple", 500), ("fork", 120)], _key("ZCARD", "rq:finished:bench"),
            [PYTHON, "-c", "import rq; print(rq.VERSION)"], debian,
            "burst worker",
        ),
        Peer(
            "sidekiq", ["ruby", script("sidekiq_bench.rb")],
            [("5", 8000), ("10", 8000), ("25", 8000), ("10+hiredis", 8000)],
            _key("HLEN", "bench:results"), ["ruby", "-e", "require 'sidekiq'; puts Sidekiq::VERSION"], debian,
            "jobs are lost with a worker that is killed; stores its results itself",
        ),
        Peer(
            "bullmq", ["node", script("bullmq_bench.mjs")], [("1", 4000), ("50", 16000), ("100", 16000)],
            _key("ZCARD", "bull:bench:completed"),
            ["node", "-p", "require(process.env.BENCH_NPM + '/node_modules/bullmq/package.json').version"],
            "npm could not install it: build/bench-queue/npm.log says why", "results kept with the job",
        ),
    ]


def install_bullmq():
    """npm's two packages, below build/. Whether that went well is seen when it is asked for its version."""
    os.makedirs(NPM, exist_ok=True)
    if os.path.isdir(os.path.join(NPM, "node_modules", "bullmq")) or not shutil.which("npm"):
        return
    command = ["npm", "install", "--prefix", NPM, "--no-save", "--no-audit", "--no-fund", "bullmq@6", "ioredis"]
    with open(os.path.join(BUILD, "npm.log"), "wb") as log:
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=180)
        except (OSError, subprocess.TimeoutExpired) as error:
            log.write(f"{error}\n".encode())
