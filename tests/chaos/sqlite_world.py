"""A queue in a file: all who have it open are killed at once, its disk loses what was not synced, or it is replaced by an
older copy of itself."""
import os
import shutil
import struct
import time

import processes

SECTOR = 512
HEAD = struct.Struct("<8q")
MARK = struct.pack("<q", 0x4B52414D63686173)
A_WRITE, A_SYNC = 1, 2


class SqliteWorld:
    kind = "sqlite"
    proxy = None

    def __init__(self, folder, synchronous, diary):
        self.path, self.copy = os.path.join(folder, "jobs.db"), os.path.join(folder, "copy.db")
        self.synchronous = synchronous
        self.log = os.path.join(folder, "unsynced.log")
        self.safe_since = time.monotonic_ns()   # what stood in the files then is on the disk
        self.controls = processes.Controls(os.path.join(folder, "server.control"), diary.clock_is_set)

    async def start(self):
        pass

    def url(self):
        return f"sqlite://{self.path}?synchronous={self.synchronous}"

    direct_url = url

    def take_copy(self):
        """While nobody moves: what a crash at this moment leaves."""
        before = time.monotonic_ns()
        for suffix in ("", "-wal"):
            if os.path.exists(self.copy + suffix):
                os.remove(self.copy + suffix)
            if os.path.exists(self.path + suffix):
                shutil.copyfile(self.path + suffix, self.copy + suffix)
        return before

    def roll_back(self):
        """When nobody has it open."""
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.path + suffix):
                os.remove(self.path + suffix)
            if os.path.exists(self.copy + suffix):
                shutil.copyfile(self.copy + suffix, self.path + suffix)
        self.forget_writes()

    def lose_power(self, random):
        """When nobody has it open: each sector that was written since its file was last synced is on the disk, or what
        stood there before. Gives the time from which on something may be lost; None: nothing may."""
        synced_at = self.safe_since
        for suffix in ("", "-wal"):
            path = self.path + suffix
            if os.path.exists(path):
                began = self.lose_unsynced(path, random)
                synced_at = max(synced_at, began) if suffix == "-wal" else synced_at
        if os.path.exists(self.path + "-shm"):
            os.remove(self.path + "-shm")
        self.forget_writes()
        return None if self.synchronous == "full" else synced_at

    def lose_unsynced(self, path, random):
        file = os.stat(path)
        records, safe, synced_at = [], 0, 0
        for position, kind, device, inode, at, size, now, old in self.records():
            if (device, inode) != (file.st_dev, file.st_ino):
                continue
            if kind == A_SYNC:
                safe, synced_at = max(safe, at), now
            else:
                records.append((position, at, size, old))
        with open(path, "rb") as opened:
            written = opened.read()
        durable = bytearray(written)
        for position, at, size, old in reversed(records):
            if position < safe:
                break
            durable[at:at + len(old)] = old
            if len(durable) > size:
                del durable[size:]
        length = max(len(durable), len(written))
        mixed = bytearray(durable) + bytes(length - len(durable))
        for start in range(0, len(written), SECTOR):
            here = slice(start, min(start + SECTOR, len(written)))
            if mixed[here] != written[here] and random.random() < 0.5:
                mixed[here] = written[here]
        with open(path, "r+b") as opened:
            opened.write(mixed)
        return synced_at

    def records(self):
        """A record that a SIGKILL has torn is passed over: its write never came."""
        if not os.path.exists(self.log):
            return
        with open(self.log, "rb") as file:
            log = file.read()
        at = log.find(MARK)
        while 0 <= at <= len(log) - HEAD.size:
            _, kind, device, inode, offset, size, now, bytes_old = HEAD.unpack_from(log, at)
            end = at + HEAD.size + bytes_old
            if kind in (A_WRITE, A_SYNC) and 0 <= bytes_old <= 1 << 17 and (end == len(log) or log[end:end + 8] == MARK):
                yield at, kind, device, inode, offset, size, now, log[at + HEAD.size:end]
                at = end
            else:
                at = log.find(MARK, at + 8)

    def forget_writes(self):
        self.safe_since = time.monotonic_ns()
        if os.path.exists(self.log):
            os.truncate(self.log, 0)

    def heal(self):
        self.controls.heal()

    def end(self):
        pass
