"""What befalls a chaos run, and when: drawn from a seed."""
import asyncio
import random
import time

import processes
from sentinel_world import DOWN_AFTER_MS

HOUR_US = 3600 * 1_000_000
MOST_HOURS = 12  # less than the day for which records are kept
REDIS = {"kill_worker": 4, "freeze_worker": 7, "kill_producer": 2, "cut": 4, "drop": 8, "kill_server": 3, "lose_power": 2,
         "rewrite_log": 3, "roll_back": 2, "fill_memory": 2, "step_clock": 2, "step_workers_clock": 2, "stall_server": 1, "slow_disk": 2}
SQLITE = {"kill_worker": 5, "freeze_worker": 12, "kill_producer": 2, "kill_all": 1, "lose_power": 1, "roll_back": 1,
          "step_clock": 2}
SENTINEL = {"kill_worker": 4, "freeze_worker": 7, "kill_producer": 2, "cut_clients": 4, "kill_master": 3, "freeze_master": 2,
            "kill_replica": 1, "stall_master": 2, "step_workers_clock": 2}
CLUSTER = {"kill_worker": 4, "freeze_worker": 7, "kill_producer": 2, "cut": 4, "drop": 8, "move_slot": 8, "kill_node": 2,
           "stall_node": 2, "step_clock": 1, "step_workers_clock": 2}
# Of these one at a time, and none waits in line: each takes as long as the servers need to come to an agreement.
IN_TURN = {"kill_master", "freeze_master", "kill_replica", "stall_master", "cut_clients", "move_slot", "kill_node",
           "stall_node"}
# What makes that happen of which a run must have had more.
MAKERS = {"rollbacks": "roll_back", "power losses": "lose_power", "power losses while the log was rewritten": "rewrite_log",
          "server kills": "kill_server", "server kills that may lose nothing": "kill_server", "steps of the clock": "step_clock",
          "calls refused for full memory": "fill_memory", "failovers": "kill_master", "slots moved": "move_slot",
          "masters killed": "kill_node", "lost_replies": "drop", "fencings": "freeze_worker"}
WEIGHTS = {"redis": REDIS, "sqlite": SQLITE, "sentinel": SENTINEL, "cluster": CLUSTER}


class Schedule:
    """Draws what happens next, and does it."""

    def __init__(self, options, world, fleet, diary):
        self.options, self.world, self.fleet, self.diary = options, world, fleet, diary
        self.random = random.Random(options.seed)
        self.weights = dict(WEIGHTS[world.kind])
        if world.kind == "sqlite" and not options.preload:
            del self.weights["step_clock"], self.weights["lose_power"]
        if not options.preload:
            self.weights.pop("step_workers_clock", None)
        # Each once, and what needs luck some times more, so that a short run has all of them; then by chance.
        self.deck = sorted([*self.weights, *["freeze_worker"] * 3, *["drop"] * (2 if world.proxy else 0),
                            *["move_slot"] * (2 if world.kind == "cluster" else 0)])
        self.random.shuffle(self.deck)
        self.server = asyncio.Lock()  # one fault of the server at a time
        self.lasting = set()

    def draw(self):
        """What can be done now."""
        can_be = [name for name in self.weights if not (name in IN_TURN and self.server.locked())]
        for i in reversed(range(len(self.deck))):
            if self.deck[i] in can_be:
                return self.deck.pop(i)
        return self.random.choices(can_be, [self.weights[name] for name in can_be])[0]

    def make_up(self, missing):
        """What a run lacks. A worker that is to be fenced must stand still in the middle of a job, for which the server has to
        be there."""
        names = [MAKERS[what] for what in missing]
        can_be = [name for name in names if not self.server.locked() or name in ("freeze_worker", "drop")]
        return self.random.choice(can_be or ["freeze_worker"])

    async def run(self, until, missing):
        """Until that time; then what is `missing()` to the minimum, for as long again."""
        last = until + max(20, self.options.seconds)
        while time.monotonic() < until or (missing() and time.monotonic() < last):
            await asyncio.sleep(self.random.uniform(0.1, 0.7))
            late = time.monotonic() >= until
            await asyncio.sleep(0.5 if late else 0)
            lacks = late and missing()
            act = getattr(self, self.make_up(lacks) if lacks else self.draw())()
            if asyncio.iscoroutine(act):
                task = asyncio.ensure_future(act)
                self.lasting.add(task)
                task.add_done_callback(self.lasting.discard)
        while self.lasting:
            await asyncio.gather(*self.lasting)

    def kill_worker(self):
        self.fleet.kill("worker", self.random)

    def kill_producer(self):
        self.fleet.kill("producer", self.random)

    def freeze_worker(self):
        leases = self.options.lease_ms / 1000
        return self.fleet.freeze(self.random, self.random.uniform(1.5 * leases, 4 * leases))

    def cut(self):
        self.world.proxy.cut(self.random)

    def drop(self):
        self.world.proxy.drop(self.random)

    async def kill_server(self):
        async with self.server:
            if self.random.random() < 0.5:
                await self.world.between_syncs()
            lost_from = self.world.kill()
            self.diary.fault("server kills", lost_from)
            if lost_from is None:
                self.diary.count("server kills that may lose nothing")
            self.world.boot()

    async def rewrite_log(self):
        """From then on there are a base and what came since. The power may be cut before all of that is there, or right
        behind it."""
        async with self.server:
            self.world.begin_rewrite()
            self.diary.count("rewrites of the log")
            await asyncio.sleep(self.random.uniform(0, 0.3))
            how = self.random.choice(["cut within", "cut behind", "end"])
            while how != "cut within" and self.world.is_rewriting():
                await asyncio.sleep(0.02)
            if how == "end":
                await asyncio.sleep(0.1)   # what the base has taken in is removed
                return
            if self.world.is_rewriting():
                self.diary.count("power losses while the log was rewritten")
            self.diary.fault("power losses", self.world.lose_power(self.random))
            self.world.boot()

    async def lose_power(self):
        async with self.server:
            if self.world.kind == "redis":
                self.diary.fault("power losses", self.world.lose_power(self.random))
                self.world.boot()
            else:
                self.fleet.paused = True
                self.fleet.kill_all()
                self.diary.fault("power losses", self.world.lose_power(self.random))
                self.fleet.paused = False

    async def roll_back(self):
        async with self.server:
            if self.world.kind == "redis":
                lost_from = self.world.take_copy()
            else:
                lost_from = await self.fleet.all_stand_still(self.world.take_copy)
            await asyncio.sleep(self.random.uniform(0.3, 1.5))
            if self.world.kind == "redis":
                self.world.roll_back()
                self.diary.fault("rollbacks", lost_from)
                self.world.boot()
            else:
                self.fleet.paused = True
                self.fleet.kill_all()
                self.world.roll_back()
                self.diary.fault("rollbacks", lost_from)
                self.fleet.paused = False

    async def kill_all(self):
        async with self.server:
            self.fleet.kill_all()
            self.diary.count("kills of all at once")

    async def fill_memory(self):
        began = time.monotonic_ns()
        async with self.server:
            self.world.fill_memory()
        self.diary.count("times of full memory")
        await asyncio.sleep(self.random.uniform(0.3, 1.5))
        async with self.server:
            self.world.free_memory()
        self.diary.write("full_memory", since=began)

    async def stall_server(self):
        async with self.server:
            processes.stop(self.world.process)
            self.diary.count("stalls of the server")
            await asyncio.sleep(self.random.uniform(0.3, 2))
            processes.go_on(self.world.process)

    async def slow_disk(self):
        self.diary.count("times of a slow disk")
        self.world.controls.set(sync_us=self.random.randrange(50_000, 1_500_000))
        await asyncio.sleep(self.random.uniform(1, 4))
        self.world.controls.set(sync_us=0)

    # --- under Sentinel -----------------------------------------------------------------------------------------------

    def failover(self, lost_from, over=None, kind="failovers"):
        """With durable=replicas:1 nothing that was confirmed is lost; leases, which wait for nobody, may be."""
        promised = self.options.durable != "memory"
        self.diary.fault(kind, None if promised else lost_from, at=over, leases_from=lost_from, two=True)

    def tell_failovers(self):
        """Those that came by themselves; and what all have made of the clock, for the servers' are apart."""
        for own in self.world.failovers_of_their_own():
            self.failover(own.began, own.alone_since, "failovers that nobody asked for")
        for since, at, ahead in self.world.settings_of_the_clock():
            self.diary.write("clock", at=at, since=since, ahead=ahead)

    async def kill_master(self):
        async with self.server:
            self.failover(await self.world.kill_master())
        self.diary.count("masters killed")

    async def freeze_master(self):
        async with self.server:
            self.failover(await self.world.freeze_master(self.random.uniform(0, 2)))
        self.diary.count("masters that stood still and came back")

    async def kill_replica(self):
        async with self.server:
            await self.world.kill_replica()
        self.diary.count("replicas killed")

    async def stall_master(self):
        """Too short for the sentinels to call it down."""
        async with self.server:
            await self.world.stall(self.random.uniform(0.05, 0.4) * DOWN_AFTER_MS / 1000)
        self.diary.count("stalls of the master")

    async def cut_clients(self):
        async with self.server:
            self.world.cut()
        self.diary.count("times that all connections were cut")

    # --- in a cluster -------------------------------------------------------------------------------------------------

    async def move_slot(self):
        async with self.server:
            self.diary.count("moves of a slot begun")
            with_a_death = self.random.random() < 0.25
            moved = await self.world.move_slot(self.random, with_a_death)
            self.diary.count("slots moved" if moved else "slots moved that held nothing yet")
            if with_a_death and moved:
                self.diary.count("masters killed while a slot moved")

    async def kill_node(self):
        async with self.server:
            self.diary.fault("masters killed", None)
            await self.world.kill(self.random)

    async def stall_node(self):
        async with self.server:
            self.diary.count("stalls of a master")
            await self.world.stall(self.random)

    def step_workers_clock(self):
        """That of all workers, which is none of the broker's: nothing may come of it."""
        self.diary.count("steps of the workers' clock")
        self.world.agents_clock.set(clock_us=self.random.choice([0, HOUR_US, -HOUR_US, 2_000_000, -2_000_000]))

    async def step_clock(self):
        """Forwards for good, backwards for a while: until then the broker's time stands still."""
        controls = self.world.controls
        forwards = [HOUR_US, HOUR_US] if controls.furthest_us <= MOST_HOURS * HOUR_US else []
        step = self.random.choice([*forwards, -HOUR_US, -2_000_000])
        self.diary.count("steps of the clock")
        before = controls.clock_us
        controls.set(clock_us=before + step)
        if step < 0:
            await asyncio.sleep(self.random.uniform(0.5, 2))
            controls.set(clock_us=before)
