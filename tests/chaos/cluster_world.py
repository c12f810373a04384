"""Three masters that share the slots, each behind a proxy whose address it announces: slots that hold a shard of the queue
move between them under load, and a master dies in the middle of that."""
import asyncio
import os

import processes
from proxy import Proxy
from resp import ask
from servers import free_ports, until

MASTERS = 3
SHARDS = 4
SLOTS = 16384
NODE_TIMEOUT_MS = 5000   # longer than a stall: nobody can take a master's place
MOVED_IN_STEPS = 20      # about so many, whatever a slot holds


class Node:
    """Clients know the proxy's port, which is what the cluster tells them; the others, and we, the server's own."""

    def __init__(self, folder, ports, environment, count):
        self.folder, (self.port, self.bus), self.environment = folder, ports, environment
        self.socket = folder + ".sock"
        self.proxy = Proxy(self.socket, count)
        self.process = self.id = None
        os.mkdir(folder)

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def boot(self):
        """What it has confirmed is on its disk."""
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket, "--dir", self.folder,
                 "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0",
                 "--maxmemory-policy", "noeviction", "--loglevel", "notice", "--cluster-enabled", "yes",
                 "--cluster-port", str(self.bus), "--cluster-announce-port", str(self.proxy.port),
                 "--cluster-node-timeout", str(NODE_TIMEOUT_MS)]
        self.process = processes.start(words, self.folder + ".log", self.environment)

    def tell(self, *words):
        return ask(self.address, *words)

    def is_ready(self):
        info = self.tell("CLUSTER", "INFO").decode().split("\r\n")
        return "cluster_state:ok" in info and f"cluster_known_nodes:{MASTERS}" in info

    def owners(self):
        """(first slot, last slot, port of the master), as this one knows it."""
        return [(first, last, master[1]) for first, last, master, *_ in self.tell("CLUSTER", "SLOTS")]


class Proxies:
    """The proxies of all nodes as one."""

    def __init__(self, nodes):
        self.nodes = nodes

    def cut(self, random):
        random.choice(self.nodes).proxy.cut(random)

    def drop(self, random):
        random.choice(self.nodes).proxy.drop(random)

    def heal(self):
        for node in self.nodes:
            node.proxy.heal()


class ClusterWorld:
    kind = "cluster"

    def __init__(self, folder, faults, diary):
        self.controls = processes.Controls(os.path.join(folder, "server.control"), diary.clock_is_set)
        environment = {"LD_PRELOAD": faults, "CHAOS_CONTROL": self.controls.path}
        ports = free_ports(2 * MASTERS)
        self.nodes = [Node(os.path.join(folder, f"node-{i + 1}"), ports[2 * i:2 * i + 2], environment, diary.count)
                      for i in range(MASTERS)]
        self.proxy = Proxies(self.nodes)

    async def start(self):
        for node in self.nodes:
            await node.proxy.start()
            node.boot()
        for i, node in enumerate(self.nodes):
            await until("a node runs", lambda node=node: node.tell("PING") == b"PONG")
            node.id = node.tell("CLUSTER", "MYID")
            node.tell("CLUSTER", "ADDSLOTSRANGE", i * SLOTS // MASTERS, (i + 1) * SLOTS // MASTERS - 1)
            node.tell("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            if i > 0:
                self.nodes[0].tell("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus)
        await self.whole()

    def url(self):
        places = ",".join(f"127.0.0.1:{node.proxy.port}" for node in self.nodes)
        return f"redis+cluster://{places}?shards={SHARDS}&connect_timeout_ms=3000&command_timeout_ms=3000"

    direct_url = url

    def key_servers(self):
        return [node.socket for node in self.nodes]

    async def whole(self):
        """All nodes are up and agree on who has which slot."""
        def is_whole():
            return all(node.is_ready() and node.owners() == self.nodes[0].owners() for node in self.nodes)
        await until("a cluster whose nodes agree", is_whole)

    def owner(self, slot):
        port = next(port for first, last, port in self.nodes[0].owners() if first <= slot <= last)
        return next(node for node in self.nodes if node.proxy.port == port)

    # --- faults -------------------------------------------------------------------------------------------------------

    @staticmethod
    async def restart(node):
        processes.kill(node.process)
        node.boot()
        await until("the node is back", node.is_ready)

    async def kill(self, random):
        await self.whole()
        await self.restart(random.choice(self.nodes))

    async def stall(self, random):
        node = random.choice(self.nodes)
        processes.stop(node.process)
        await asyncio.sleep(random.uniform(0.3, 2))
        processes.go_on(node.process)

    async def move_slot(self, random, with_a_death):
        """As an administrator does: both are told, the keys go, all are told. Gives how many keys went. One of the two may
        die in between: it comes back knowing of the move, and keys that stand at both are the same at both, for the queue
        writes nothing to a slot that is on its way."""
        await self.whole()
        slot = self.nodes[0].tell("CLUSTER", "KEYSLOT", "{coterie:%d}" % random.randrange(SHARDS))
        source = self.owner(slot)
        target = random.choice([node for node in self.nodes if node is not source])
        victim = random.choice([source, target]) if with_a_death else None
        target.tell("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.tell("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        step = 1 + source.tell("CLUSTER", "COUNTKEYSINSLOT", slot) // MOVED_IN_STEPS
        moved = 0
        while keys := source.tell("CLUSTER", "GETKEYSINSLOT", slot, step):
            source.tell("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "REPLACE", "KEYS", *keys)
            moved += len(keys)
            await asyncio.sleep(random.uniform(0, 0.02))
            if victim:
                await self.restart(victim)
                victim = None
        for node in (target, source):
            node.tell("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        return moved

    def heal(self):
        self.controls.heal()
        self.proxy.heal()

    def end(self):
        for node in self.nodes:
            if node.process:
                processes.go_on(node.process)
                processes.kill(node.process)
