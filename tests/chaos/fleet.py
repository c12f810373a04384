"""The producers and workers of a chaos run: started, killed, stopped, and started anew when they have died."""
import asyncio
import json
import os
import signal
import time

import processes

TENDS_EVERY_S = 0.1


class Diary:
    """The orchestrator's own events, beside those of the processes."""

    def __init__(self, folder):
        self.file = open(os.path.join(folder, "orchestrator.jsonl"), "a", encoding="utf-8")
        self.counts = {}

    def write(self, event, at=None, **fields):
        self.file.write(json.dumps({"t": time.monotonic_ns() if at is None else at, "e": event, **fields}) + "\n")
        self.file.flush()

    def count(self, what, **whose):
        self.counts[what] = self.counts.get(what, 0) + 1
        self.write("count", what=what, **whose)

    def clock_is_set(self, since, ahead):
        """The broker's clock is that far ahead of the events' from now on; since that time it may have been."""
        self.write("clock", since=since, ahead=ahead)

    def fault(self, kind, lost_from, **more):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.write("fault", kind=kind, lost_from=lost_from, **more)


class Agent:
    def __init__(self, name, role, process):
        self.name, self.role, self.process = name, role, process
        self.told = False    # to end, by us
        self.stopped = False
        self.poison = 0      # that it is to make


class Fleet:
    def __init__(self, options, world, folder, diary, environments):
        self.options, self.world, self.folder, self.diary = options, world, folder, diary
        self.environments, self.agents, self.next_number = environments, [], 1
        self.poison_left = options.poison
        self.wanted = {"producer": options.producers, "worker": options.workers}
        self.paused = False

    def start(self, role):
        number, self.next_number = self.next_number, self.next_number + 1
        name = f"{role}-{number}"
        words = [self.options.agent, role, self.world.url(), os.path.join(self.folder, name + ".jsonl"), f"number={number}",
                 f"seed={self.options.seed * 1000 + number}"]
        if role == "worker":
            words += [f"lease_ms={self.options.lease_ms}", f"jobs={self.options.concurrency}"]
        else:
            poison = -(-self.poison_left // self.wanted["producer"])
            self.poison_left -= poison
            words += [f"jobs={self.options.rate}", f"poison={poison}"]
        log = os.path.join(self.folder, name + ".log")
        self.agents.append(Agent(name, role, processes.start(words, log, self.environments[role])))
        if role == "producer":
            self.agents[-1].poison = poison

    def tend(self):
        """Takes note of who has died, and starts others in their place."""
        for agent in [agent for agent in self.agents if agent.process.poll() is not None]:
            code = agent.process.returncode
            # A worker also dies of poison; who was told to end before it could listen ends by that signal.
            expected = agent.told or (agent.role == "worker" and code == -signal.SIGKILL)
            expected = expected and code in (0, -signal.SIGKILL, -signal.SIGTERM)
            self.diary.write("exit", process=agent.name, code=code, expected=expected)
            self.agents.remove(agent)
            # What it was killed before it made, others make: else a long run has too little to convict.
            self.poison_left += max(0, agent.poison - self.written(agent).count('"poison"'))
        for role, wanted in self.wanted.items():
            while not self.paused and len(self.of(role)) < wanted:
                self.start(role)

    async def keep_tending(self):
        """Where one of these rounds comes late, others have had no time either."""
        while True:
            self.tend()
            due = time.monotonic() + TENDS_EVERY_S
            await asyncio.sleep(TENDS_EVERY_S)
            if time.monotonic() - due > self.options.lease_ms / 1000 / 3:
                self.diary.count("times that nobody had time")

    def of(self, role):
        return [agent for agent in self.agents if agent.role == role]

    def kill(self, role, random):
        agents = self.of(role)
        if agents:
            self.kill_agent(random.choice(agents))
            self.diary.count(f"{role}s killed")

    @staticmethod
    def kill_agent(agent):
        agent.told = True
        processes.kill(agent.process)

    def has_worked(self, agent):
        """Has begun a job: one that is still starting has nothing to lose."""
        return '"started"' in self.written(agent)

    def written(self, agent):
        """The events that it has written so far."""
        try:
            with open(os.path.join(self.folder, agent.name + ".jsonl"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def refused(self):
        """Calls of producers that were refused for full memory, so far."""
        names = [name for name in os.listdir(self.folder) if name.startswith("producer-") and name.endswith(".jsonl")]
        count = 0
        for name in names:
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                count += file.read().count("memory is full")
        return count

    async def freeze(self, random, seconds):
        moving = [agent for agent in self.of("worker") if not agent.stopped and not agent.told and self.has_worked(agent)]
        if not moving:
            return
        agent = random.choice(moving)
        if not processes.stop(agent.process):
            return
        agent.stopped = True
        self.diary.count("workers stopped", process=agent.name)
        await asyncio.sleep(seconds)
        processes.go_on(agent.process)
        agent.stopped = False

    def kill_all(self):
        for agent in self.agents:
            self.kill_agent(agent)

    async def all_stand_still(self, act):
        """Does `act` while no agent moves."""
        still = [agent for agent in self.agents if not agent.stopped and processes.stop(agent.process)]
        try:
            return act()
        finally:
            for agent in still:
                processes.go_on(agent.process)

    async def dismiss(self, role, seconds):
        """SIGTERM to all of a role; who is still there after so long has a fault of its own."""
        self.wanted[role] = 0
        for agent in self.of(role):
            agent.told = True
            agent.process.terminate()
        until = time.monotonic() + seconds
        while self.of(role) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        for agent in self.of(role):
            agent.told = False  # a violation
            processes.kill(agent.process)
        self.tend()
