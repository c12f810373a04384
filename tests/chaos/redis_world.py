"""A redis-server that is killed, loses its power, goes back in time, and fills up."""
import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time

import processes
from proxy import Proxy
from resp import Refused, ask
from syncs import CONFIRMED_MEANWHILE, SECOND, Syncs

# So long a server may hang: in syncs on a slow disk, one behind the other, or stopped.
HANGS_AT_MOST = 15 * SECOND


class RedisWorld:
    kind = "redis"

    def __init__(self, folder, policy, faults, diary, check_log):
        self.folder, self.policy, self.faults, self.check_log = folder, policy, faults, check_log
        self.data, self.copy = os.path.join(folder, "data"), os.path.join(folder, "copy")
        self.socket = os.path.join(folder, "redis.sock")
        self.syncs = Syncs(os.path.join(folder, "synced.txt"))
        self.controls = processes.Controls(os.path.join(folder, "server.control"), diary.clock_is_set)
        self.count = diary.count
        self.proxy = Proxy(self.socket, self.count)
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

    def boot(self):
        began, is_first = time.monotonic_ns(), self.process is None
        self.mend_log()
        words = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.data, "--save", "",
                 "--appendonly", "yes", "--appendfsync", self.policy, "--auto-aof-rewrite-percentage", "0",
                 "--maxmemory-policy", "noeviction", "--loglevel", "warning"]
        environment = {"LD_PRELOAD": self.faults, "CHAOS_CONTROL": self.controls.path, "CHAOS_SYNCED": self.syncs.path}
        self.syncs.program_begins()
        self.process = processes.start(words, os.path.join(self.folder, "redis-server.log"), environment)
        for _ in range(3000):
            if self.process.poll() is not None:
                raise RuntimeError(f"redis-server did not start, code {self.process.returncode}: see {self.folder}/redis-server.log")
            try:
                if self.command("PING").startswith(b"+PONG"):
                    if is_first:
                        self.syncs.file_begins(self.log_files()[-1], began)
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

    # --- its log -----------------------------------------------------------------------------------------------------

    def manifest(self):
        return os.path.join(self.data, "appendonlydir", "appendonly.aof.manifest")

    def log_files(self):
        """The append-only files that Redis goes on in, the oldest first: two while the log is rewritten. What they go on
        from, the base, is on the disk before the manifest names it."""
        with open(self.manifest(), encoding="utf-8") as file:
            lines = [line.split() for line in file]
        names = {int(words[3]): words[1] for words in lines if words[5] == "i"}
        return [os.path.realpath(os.path.join(self.data, "appendonlydir", names[number])) for number in sorted(names)]

    def begin_rewrite(self, seconds=0.5):
        """Takes about so long, so that a power cut can come within."""
        keys = max(1, ask(self.socket, "DBSIZE"))
        each_us = int(seconds * 1_000_000) // keys
        ask(self.socket, "CONFIG", "SET", "rdb-key-save-delay", each_us if each_us > 60 else -(1 + keys // 8000))
        before = time.monotonic_ns()
        ask(self.socket, "BGREWRITEAOF")
        self.syncs.file_begins(self.log_files()[-1], before)

    def is_rewriting(self):
        try:
            return b"aof_rewrite_in_progress:1" in ask(self.socket, "INFO", "persistence")
        except TimeoutError:   # it hangs at the end of it, in a sync
            return True

    def mend_log(self):
        """What docs/redis.md tells people to do after a crash: where the log was cut within a transaction, Redis (7.0; Valkey
        mended it in 2026) leaves its beginning there, goes on behind it, and runs it half at the next start."""
        if self.check_log and os.path.exists(self.manifest()):
            subprocess.run(["redis-check-aof", "--fix", self.manifest()], input=b"y\n", check=True, stdout=subprocess.DEVNULL)

    def leave_out(self, files):
        """What docs/redis.md says of a file that is torn and not the last: what comes behind the gap is left out."""
        names = {os.path.basename(path) for path in files}
        with open(self.manifest(), encoding="utf-8") as file:
            lines = [line for line in file if line.split()[1] not in names]
        with open(self.manifest(), "w", encoding="utf-8") as file:
            file.writelines(lines)

    # --- faults ------------------------------------------------------------------------------------------------------
    # Each gives the time from which on something may be lost; None: nothing may.

    def unwritten_since(self, looked):
        """Redis writes to its log before it replies. Unless it finds a sync at work, with `everysec`: then it replies first,
        and writes when the sync has ended, or after two seconds. None: all is written that was confirmed. `looked`: looked()."""
        return None if self.policy == "always" else self.syncs.at_work_since(looked)

    def looked(self):
        """When Redis has looked at what it holds back for sure: now, if it answers. One that hangs does not look, be it stopped
        or in a sync of its own at the end of a rewrite, and may have hung for so long."""
        now = time.monotonic_ns()
        try:
            ask(self.socket, "PING", timeout=0.25)
        except OSError:
            return now - HANGS_AT_MOST
        except Refused:
            pass
        return now

    async def between_syncs(self):
        """Waits for that moment, which a slow disk does not have."""
        until = time.monotonic() + 2
        while self.unwritten_since(self.looked()) is not None and time.monotonic() < until:
            await asyncio.sleep(0.02)

    def die(self):
        """With the child that rewrites its log."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill(self):
        looked = self.looked()
        self.die()
        return self.unwritten_since(looked)

    def lose_power(self, random):
        """Of each file everything may be missing behind its last sync."""
        now, looked = time.monotonic_ns(), self.looked()
        self.die()
        files = self.log_files()
        lost_from = [self.syncs.last(files[-1])[0], self.unwritten_since(looked) or now]
        for i, path in enumerate(files):
            began, safe = self.syncs.last(path)
            size = os.path.getsize(path)
            left = random.randint(min(safe, size), size)
            os.truncate(path, left)
            if safe < size:
                lost_from.append(began)
            if left < size and path != files[-1]:
                self.count("logs torn before their last file")
                self.leave_out(files[i + 1:])
                break
        self.syncs.forget(self.log_files())
        return None if self.policy == "always" else min(lost_from) - CONFIRMED_MEANWHILE

    def take_copy(self):
        now, looked = time.monotonic_ns(), self.looked()
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.data, self.copy)
        return self.unwritten_since(looked) or now

    def roll_back(self):
        self.die()
        shutil.rmtree(self.data)
        shutil.copytree(self.copy, self.data)
        self.syncs.forget(self.log_files())

    def fill_memory(self):
        info = self.command("INFO", "memory").decode()
        used = next(line for line in info.splitlines() if line.startswith("used_memory:")).split(":")[1]
        self.command("CONFIG", "SET", "maxmemory", str(int(used) * 9 // 10))

    def free_memory(self):
        self.command("CONFIG", "SET", "maxmemory", "0")

    def heal(self):
        self.controls.heal()
        self.proxy.heal()
        self.free_memory()

    def end(self):
        if self.process:
            self.die()
