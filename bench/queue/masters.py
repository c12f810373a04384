"""What make bench-queue-load --only masters measures: one queue over the masters of a Redis cluster, and busy workers."""
import os
import time

import measure
from load import CONCURRENCY, waits
from machine import Failed, Redis, answer, free_port
from peers import BUILD

SHARDS = 12  # of 1, 2, 3, 4, 6 masters each has as many
FROM, TO = 0.1, 0.9  # the part of the jobs that is counted: all workers are there, none has run dry


class Cluster:
    """Masters on free ports, each with as many of the queue's shards as the others: who runs a cluster can move slots so."""

    def __init__(self, masters):
        self.servers, self._at = [], {}
        try:
            for _ in range(masters):
                bus = str(free_port())
                self.servers.append(Redis(BUILD, aof=False, more=["--cluster-enabled", "yes", "--cluster-port", bus]))
                self.servers[-1].bus = bus
            self._share()
        except BaseException:
            self.close()
            raise

    def _share(self):
        first = self.servers[0]
        slots = sorted((first("CLUSTER", "KEYSLOT", f"{{coterie:{shard}}}"), shard) for shard in range(SHARDS))
        each = SHARDS // len(self.servers)
        begin = 0
        for number, server in enumerate(self.servers):
            mine = slots[number * each:(number + 1) * each]
            end = 16383 if server is self.servers[-1] else mine[-1][0]
            server("CLUSTER", "ADDSLOTSRANGE", begin, end)
            begin = end + 1
            self._at.update({shard: server for _, shard in mine})
            if server is not first:
                first("CLUSTER", "MEET", "127.0.0.1", server.port, server.bus)
        until = time.monotonic() + 30
        while not all(self._sees_all(server) for server in self.servers):
            if time.monotonic() > until:
                raise Failed("the masters did not become a cluster within 30 s")
            time.sleep(0.05)

    def _sees_all(self, server):
        info = server.info_of("CLUSTER", "INFO")
        return info["cluster_state"] == "ok" and int(info["cluster_size"]) == len(self.servers)

    @property
    def port(self):
        """A whole URL: bench_queue_coterie takes one in place of a port."""
        return f"redis+cluster://127.0.0.1:{self.servers[0].port}?shards={SHARDS}"

    def done(self):
        total = 0
        for shard, server in self._at.items():
            number = server("HGET", f"{{coterie:{shard}}}Q", "bench")
            total += int(server("HGET", f"{{coterie:{shard}}}c{number}", 5) or 0) if number else 0
        return total

    def cpu_seconds(self):
        return [server.cpu_seconds() for server in self.servers]

    def close(self):
        for server in self.servers:
            server.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def rate(peer, masters, workers, jobs):
    """Jobs/s of so many worker processes, all jobs enqueued before; how busy each master and each worker is meanwhile."""
    with Cluster(masters) as cluster:
        answer(peer.command(cluster.port, "fill", jobs, os.devnull), {}, 3600)
        busy = []
        try:
            for _ in range(workers):
                busy.append(measure.Worker(peer, cluster, "drain", CONCURRENCY))
            waits(cluster, "the first tenth", lambda: cluster.done() >= jobs * FROM, 600, *busy)
            cpu, worked = cluster.cpu_seconds(), sum(each.running_seconds() for each in busy)
            began, first = time.monotonic(), cluster.done()
            waits(cluster, "nine tenths", lambda: cluster.done() >= jobs * TO, 600, *busy)
            seconds, done = time.monotonic() - began, cluster.done() - first
            worked = sum(each.running_seconds() for each in busy) - worked
            spent = [now - before for now, before in zip(cluster.cpu_seconds(), cpu)]
        finally:
            for each in busy:
                each.__exit__()
    return {"masters": masters, "workers": workers, "jobs": jobs, "per_s": done / seconds, "redis_us": sum(spent) * 1e6 / done,
            "worker_us": worked * 1e6 / done, "masters_busy": [each / seconds for each in spent],
            "worker_busy": worked / seconds / workers}


def masters(peer, numbers, workers, jobs, say):
    """For each number of masters: a cluster, the same workers, so many jobs for each master."""
    found = []
    for number in numbers:
        if SHARDS % number:
            raise Failed(f"{number} masters: {SHARDS} shards are not shared out evenly among them")
        found.append(rate(peer, number, workers, jobs * number))
        at = found[-1]
        say(f"{number} masters, {workers} workers: {at['per_s']:,.0f}/s, {at['redis_us']:.1f} us of Redis and "
            f"{at['worker_us']:.1f} of a worker a job; masters busy {', '.join(f'{each:.0%}' for each in at['masters_busy'])}, "
            f"workers {at['worker_busy']:.0%}")
    return found
