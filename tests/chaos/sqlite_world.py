"""A queue in a file: all who have it open are killed at once, or it is replaced by an older copy of itself."""
import os
import shutil
import time

import processes


class SqliteWorld:
    kind = "sqlite"
    proxy = None

    def __init__(self, folder):
        self.path, self.copy = os.path.join(folder, "jobs.db"), os.path.join(folder, "copy.db")
        self.controls = processes.Controls(os.path.join(folder, "server.control"))

    async def start(self):
        pass

    def url(self):
        return f"sqlite://{self.path}"

    direct_url = url

    def take_copy(self):
        """While nobody moves: what a crash at this moment leaves."""
        before = time.monotonic_ns()
        for suffix in ("", "-wal"):
            if os.path.exists(self.path + suffix):
                shutil.copyfile(self.path + suffix, self.copy + suffix)
        return before

    def roll_back(self):
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.path + suffix):
                os.remove(self.path + suffix)
            if os.path.exists(self.copy + suffix):
                shutil.copyfile(self.copy + suffix, self.path + suffix)

    def heal(self):
        self.controls.heal()

    def end(self):
        pass
