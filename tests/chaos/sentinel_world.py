"""A master and its replica under three sentinels: the master is killed or stands still, the replica takes its place, and
the old one comes back as a replica of the new. The clocks of the two are five seconds apart. On a machine that is too busy the sentinels give up a master by themselves,
which is a fault like another one: their logs tell."""
import asyncio
import datetime
import os
import re
import time

import processes
from resp import ask
from servers import free_ports, until

SECOND = 1_000_000_000
# What a master that dies may have confirmed and not sent on: docs/redis.md says "within a second".
NOT_SENT_ON = SECOND
DOWN_AFTER_MS = 700       # the sentinels' down-after-milliseconds
# Until the sentinels make a replica of an old master that is still there: they look at it for 8 s first.
STAYS_MASTER = 12 * SECOND
# The sentinel that leads a failover says so once; of the switch all tell, one that stood still some time later.
PROMOTED = re.compile(r"\d+:X (\d+ \w+ \d+ [\d:.]+) . \+promoted-slave slave \S+ \S+ (\d+) @ jobs ")
APART_US = 5_000_000      # more than a lease


class Server:
    def __init__(self, folder, port, policy, clock_us, faults):
        self.folder, self.port, self.policy, self.clock_us, self.process = folder, port, policy, clock_us, None
        os.mkdir(folder)
        controls = processes.Controls(folder + ".control")
        controls.set(clock_us=clock_us)
        self.environment = {"LD_PRELOAD": faults, "CHAOS_CONTROL": controls.path}

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def boot(self, master=None):
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                 "--appendonly", "yes", "--appendfsync", self.policy, "--repl-diskless-sync-delay", "0",
                 "--maxmemory-policy", "noeviction", "--loglevel", "notice"]
        if master:
            words += ["--replicaof", "127.0.0.1", str(master.port)]
        self.process = processes.start(words, self.folder + ".log", self.environment)

    def replication(self):
        text = ask(self.address, "INFO", "replication").decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def follows(self, master):
        seen = self.replication()
        return seen["role"] == "slave" and seen["master_port"] == str(master.port) and seen["master_link_status"] == "up"


class Failover:
    """Between these times `new` became the master; the old one answers nobody `alone_since` then."""

    def __init__(self, began, over, new, alone_since=None):
        self.began, self.over, self.new, self.alone_since = began, over, new, alone_since or over


def not_caused(said, caused):
    """Of the promotions, (when, port) each, those that are not the first of that server within one of these."""
    ours = set()
    for one in caused:
        its = [each for each in sorted(said) if one.began <= each[0] <= one.over and each[1] == one.new.port]
        ours.update(its[:1])
    return [each for each in sorted(said) if each not in ours]


def in_turn(failovers):
    """Each with since when its master alone answered: with the next one the old master is the new one again."""
    ordered = sorted(failovers, key=lambda one: one.over)
    for one, following in zip(ordered, [*ordered[1:], None]):
        yield one, min(one.alone_since, following.over) if following else one.alone_since


class SentinelWorld:
    kind = "sentinel"
    proxy = None

    def __init__(self, folder, policy, durable, faults, clock_us=(0, APART_US)):
        """`clock_us`: of the first master, of its replica, beside this machine's."""
        self.folder, self.durable = folder, durable
        ports = free_ports(5)
        self.servers = [Server(os.path.join(folder, f"server-{i + 1}"), ports[i], policy, clock_us[i], faults) for i in range(2)]
        self.sentinel_ports, self.sentinels = ports[2:], []
        self.caused = []   # failovers of ours

    async def start(self):
        master, replica = self.servers
        master.boot()
        await until("the master runs", lambda: ask(master.address, "PING") == b"PONG")
        replica.boot(master)
        await until("the replica follows", lambda: replica.follows(master))
        for number, port in enumerate(self.sentinel_ports):
            self.start_sentinel(number, port)
        for port in self.sentinel_ports:
            await until("the sentinels know each other", lambda port=port: self.knows_all(port))

    def start_sentinel(self, number, port):
        folder = os.path.join(self.folder, f"sentinel-{number + 1}")
        os.mkdir(folder)
        path = os.path.join(folder, "sentinel.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
                       f"sentinel monitor jobs 127.0.0.1 {self.servers[0].port} 2\n"
                       f"sentinel down-after-milliseconds jobs {DOWN_AFTER_MS}\n"
                       "sentinel failover-timeout jobs 3000\n")
        self.sentinels.append(processes.start(["redis-server", path, "--sentinel"], folder + ".log", {"TZ": "UTC"}))

    @staticmethod
    def knows_all(port):
        address = ("127.0.0.1", port)
        return len(ask(address, "SENTINEL", "SENTINELS", "jobs")) == 2 and len(ask(address, "SENTINEL", "REPLICAS", "jobs")) == 1

    def url(self):
        places = ",".join(f"127.0.0.1:{port}" for port in self.sentinel_ports)
        return f"redis+sentinel://{places}/jobs?connect_timeout_ms=3000&command_timeout_ms=3000&durable={self.durable}" + \
            ("" if self.durable == "memory" else "&durable_timeout_ms=2000")

    direct_url = url

    def key_servers(self):
        return [f"127.0.0.1:{self.master().port}"]

    def named(self, port):
        """The server that this sentinel says is the master."""
        found = ask(("127.0.0.1", port), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "jobs")
        return next(server for server in self.servers if server.port == int(found[1]))

    def master(self):
        return self.named(self.sentinel_ports[0])

    def other(self, server):
        return self.servers[1 - self.servers.index(server)]

    async def whole(self):
        """All agree on a master, and its replica has all that it has: one thing goes wrong at a time, for of two servers one
        is to have what was confirmed."""
        def is_whole():
            master = self.named(self.sentinel_ports[0])
            agreed = all(self.named(port) is master and self.sees_replica(port) for port in self.sentinel_ports)
            return agreed and self.other(master).follows(master) and master.replication()["role"] == "master"
        await until("a master with its replica, and all sentinels agree", is_whole)
        return self.master()

    @staticmethod
    def sees_replica(port):
        """As one that could take over."""
        fields = ask(("127.0.0.1", port), "SENTINEL", "REPLICAS", "jobs")[0]
        seen = dict(zip(fields[::2], fields[1::2]))
        return seen[b"flags"] == b"slave" and seen[b"master-link-status"] == b"ok"

    # --- faults: each gives when it began to be possible that something was lost ---------------------------------------

    async def promoted(self, old, began):
        new = self.other(old)
        await until("the replica is the master", lambda: all(self.named(port) is new for port in self.sentinel_ports) and
                    new.replication()["role"] == "master")
        self.caused.append(Failover(began, time.monotonic_ns(), new))
        return new

    async def kill_master(self):
        old = await self.whole()
        began = time.monotonic_ns()
        processes.kill(old.process)
        new = await self.promoted(old, began)
        old.boot(new)
        return began - NOT_SENT_ON

    async def freeze_master(self, for_s):
        """It wakes up as a master, and takes writes from whoever has not heard, until the sentinels reach it."""
        old = await self.whole()
        began = time.monotonic_ns()
        processes.stop(old.process)
        try:
            new = await self.promoted(old, began)
            await asyncio.sleep(for_s)
        finally:
            processes.go_on(old.process)
        await until("the old master follows the new one", lambda: old.follows(new))
        self.caused[-1].alone_since = time.monotonic_ns()
        return began - NOT_SENT_ON

    def failovers_of_their_own(self):
        """Of masters that nobody had touched, from when on something may have been lost."""
        ahead, said = time.time_ns() - time.monotonic_ns(), []
        for number, _ in enumerate(self.sentinel_ports):
            with open(os.path.join(self.folder, f"sentinel-{number + 1}.log"), encoding="utf-8") as log:
                for promoted in filter(None, map(PROMOTED.match, log)):
                    when = datetime.datetime.strptime(promoted[1] + " +0000", "%d %b %Y %H:%M:%S.%f %z")
                    said.append((int(when.timestamp() * SECOND) - ahead, int(promoted[2])))
        return [Failover(at - DOWN_AFTER_MS * 1_000_000 - SECOND - NOT_SENT_ON, at,
                         next(server for server in self.servers if server.port == port), at + STAYS_MASTER)
                for at, port in not_caused(said, self.caused)]

    def settings_of_the_clock(self):
        """What the failovers have made of it: since when it may have been, from when on it was, how far ahead of the
        events' clock."""
        for one, alone_since in in_turn([*self.caused, *self.failovers_of_their_own()]):
            yield one.began, alone_since, processes.clock_ahead() + one.new.clock_us * 1000

    async def kill_replica(self):
        master = await self.whole()
        replica = self.other(master)
        processes.kill(replica.process)
        replica.boot(master)

    async def stall(self, seconds):
        master = await self.whole()
        processes.stop(master.process)
        await asyncio.sleep(seconds)
        processes.go_on(master.process)

    def cut(self):
        """All connections of clients to the master, or to all sentinels."""
        ask(self.master().address, "CLIENT", "KILL", "TYPE", "normal")

    def heal(self):
        pass

    def end(self):
        for process in [server.process for server in self.servers] + self.sentinels:
            if process:
                processes.go_on(process)
                processes.kill(process)
