"""A redis-server that is killed, loses its power, goes back in time, and fills up."""
import os
import shutil
import socket
import subprocess
import time

import processes
from proxy import Proxy

SECOND = 1_000_000_000
# What `everysec` may lose: docs/redis.md says "the last second or two".
EVERYSEC = 2 * SECOND


class RedisWorld:
    kind = "redis"

    def __init__(self, folder, policy, faults, diary, check_log):
        self.folder, self.policy, self.faults, self.check_log = folder, policy, faults, check_log
        self.data, self.copy = os.path.join(folder, "data"), os.path.join(folder, "copy")
        self.socket = os.path.join(folder, "redis.sock")
        self.synced_log = os.path.join(folder, "synced.txt")
        self.controls = processes.Controls(os.path.join(folder, "server.control"), diary.clock_is_set)
        self.proxy = Proxy(self.socket, diary.count)
        self.process = None
        os.mkdir(self.data)

    async def start(self):
        await self.proxy.start()
        self.boot()

    def url(self):
        return f"redis://127.0.0.1:{self.proxy.port}?connect_timeout_ms=2000&command_timeout_ms=3000"

    def direct_url(self):
        return f"redis+unix://{self.socket}"

    def key_servers(self):
        """Where chaos_keys finds the queue."""
        return [self.socket]

    def mend_log(self):
        """What docs/redis.md tells people to do after a crash: where the log was cut within a transaction, Redis (7.0; Valkey
        mended it in 2026) leaves its beginning there, goes on behind it, and runs it half at the next start."""
        manifest = os.path.join(self.data, "appendonlydir", "appendonly.aof.manifest")
        if self.check_log and os.path.exists(manifest):
            subprocess.run(["redis-check-aof", "--fix", manifest], input=b"y\n", check=True, stdout=subprocess.DEVNULL)

    def boot(self):
        self.mend_log()
        words = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.data, "--save", "",
                 "--appendonly", "yes", "--appendfsync", self.policy, "--auto-aof-rewrite-percentage", "0",
                 "--maxmemory-policy", "noeviction", "--loglevel", "warning"]
        environment = {"LD_PRELOAD": self.faults, "CHAOS_CONTROL": self.controls.path, "CHAOS_SYNCED": self.synced_log}
        self.process = processes.start(words, os.path.join(self.folder, "redis-server.log"), environment)
        for _ in range(3000):
            if self.process.poll() is not None:
                raise RuntimeError(f"redis-server did not start, code {self.process.returncode}: see {self.folder}/redis-server.log")
            try:
                if self.command("PING").startswith(b"+PONG"):
                    return
            except OSError:
                pass
            time.sleep(0.01)
        raise RuntimeError("redis-server was not ready within 30 s")

    def command(self, *words):
        request = b"*%d\r\n" % len(words)
        for word in words:
            request += b"$%d\r\n%s\r\n" % (len(word), word.encode())
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(self.socket)
            connection.sendall(request)
            return connection.recv(65536)

    # --- what was synced ---------------------------------------------------------------------------------------------

    def log_file(self):
        """The append-only file that is being written. None is rewritten, so it is the only one that grows."""
        folder = os.path.join(self.data, "appendonlydir")
        names = [name for name in os.listdir(folder) if name.endswith(".incr.aof")]
        return os.path.join(folder, max(names, key=lambda name: int(name.split(".")[-3])))

    def forget_syncs(self):
        """What is on the disk now is there to stay."""
        with open(self.synced_log, "w", encoding="utf-8") as file:
            file.write(f"{time.monotonic_ns()} {os.path.getsize(self.log_file())} {os.path.realpath(self.log_file())}\n")

    def last_sync(self):
        """When the last sync that has ended began, and up to where it made the file safe."""
        began, size, own = 0, 0, os.path.realpath(self.log_file())
        if not os.path.exists(self.synced_log):
            return began, size
        with open(self.synced_log, encoding="utf-8") as file:
            for line in file:
                words = line.rstrip("\n").split(" ", 2)
                if line.endswith("\n") and words[2] == own and int(words[1]) >= size:
                    began, size = int(words[0]), int(words[1])
        return began, size

    # --- faults ------------------------------------------------------------------------------------------------------
    # Each gives the time from which on something may be lost; None: nothing may.

    def kill(self):
        processes.kill(self.process)
        if self.policy == "always":
            return None
        # While a sync takes long, Redis holds its writes back for up to two seconds, and answers nevertheless.
        return time.monotonic_ns() - EVERYSEC - SECOND // 4

    def lose_power(self, random):
        processes.kill(self.process)
        path = self.log_file()
        began, safe = self.last_sync()
        size = os.path.getsize(path)
        os.truncate(path, random.randint(min(safe, size), size))
        self.forget_syncs()
        if self.policy == "always":
            return None
        return min(time.monotonic_ns() - EVERYSEC, began)

    def take_copy(self):
        before = time.monotonic_ns()
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.data, self.copy)
        return before if self.policy == "always" else before - EVERYSEC - SECOND // 4

    def roll_back(self):
        processes.kill(self.process)
        shutil.rmtree(self.data)
        shutil.copytree(self.copy, self.data)
        self.forget_syncs()

    def fill_memory(self):
        info = self.command("INFO", "memory").decode()
        used = next(line for line in info.splitlines() if line.startswith("used_memory:")).split(":")[1]
        self.command("CONFIG", "SET", "maxmemory", used)

    def free_memory(self):
        self.command("CONFIG", "SET", "maxmemory", "0")

    def heal(self):
        self.controls.heal()
        self.proxy.heal()
        self.free_memory()

    def end(self):
        if self.process:
            processes.kill(self.process)
