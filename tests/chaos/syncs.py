"""Which syncs of append-only files there were, as faults.cpp writes them down."""
import os
import time

SECOND = 1_000_000_000
# A thread of Redis' begins its sync that much after it was told to, at most; what is confirmed meanwhile is not written.
CONFIRMED_MEANWHILE = SECOND // 4
# That much after a sync has ended Redis has written what it held back: it looks ten times a second.
HELD_BACK = SECOND // 2


LOG = ".incr.aof"


class Syncs:
    def __init__(self, path):
        self.path = path

    def file_begins(self, path, at):
        """A new one: all from before that time stands elsewhere."""
        self.note(f"ended {at} {at} 0 {path}")

    def program_begins(self):
        """What its forerunner had begun never ends."""
        self.note("started")

    def forget(self, files):
        """What stands in these now is there to stay; nothing else is there."""
        if os.path.exists(self.path):
            os.remove(self.path)
        now = time.monotonic_ns()
        for path in files:
            self.note(f"ended {now} {now} {os.path.getsize(path)} {path}")

    def note(self, line):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def lines(self):
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                yield from (line[:-1] for line in file if line.endswith("\n"))

    def last(self, path):
        """When the last sync of this file that has ended began, and up to where it made the file safe."""
        began = size = 0
        for line in self.lines():
            words = line.split(" ", 4)
            if words[0] == "ended" and words[4] == path and int(words[3]) >= size:
                began, size = int(words[1]), int(words[3])
        return began, size

    def at_work_since(self, now):
        """From when on something may have been confirmed and not written; None: nothing has."""
        at_work = {}
        for line in self.lines():
            if line == "started":
                at_work.clear()
            elif line.startswith("begun "):
                _, began, path = line.split(" ", 2)
                if path.endswith(LOG):   # not the base, which a child writes
                    at_work[int(began), path] = float("inf")
            else:
                _, began, ended, _, path = line.split(" ", 4)
                if (int(began), path) in at_work:
                    at_work[int(began), path] = int(ended)
        began = [began for (began, _), ended in at_work.items() if ended > now - HELD_BACK]
        return min(began) - CONFIRMED_MEANWHILE if began else None
