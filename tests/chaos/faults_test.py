"""The faults do what they say: else a run that survives them proves nothing.

    faults_test.py FAULTS    the path of chaos_faults.so
"""
import asyncio
import datetime
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import processes
from fleet import Diary
from redis_world import RedisWorld
from resp import ask
from sentinel_world import SECOND, Failover, SentinelWorld
from servers import until
from sqlite_world import SqliteWorld
from syncs import CONFIRMED_MEANWHILE

FAULTS = os.path.abspath(sys.argv.pop(1))
ROWS = 100


class RedisFaults(unittest.TestCase):
    def world(self, policy):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        world = RedisWorld(folder.name, policy, FAULTS, Diary(folder.name), True)
        self.addCleanup(world.end)
        world.boot()
        return world

    def keys_after_a_power_cut(self, policy):
        world = self.world(policy)
        # No sync of everysec's ends in time.
        world.controls.set(sync_us=10_000 if policy == "always" else 60_000_000)
        for i in range(ROWS):
            world.command("SET", f"key{i}", "value")
        lost_from = world.lose_power(random.Random(1))
        world.boot()
        return int(world.command("DBSIZE")[1:]), lost_from

    def test_a_power_cut_takes_nothing_that_always_has_confirmed(self):
        self.assertEqual(self.keys_after_a_power_cut("always"), (ROWS, None))

    def test_a_power_cut_takes_what_everysec_has_not_synced(self):
        keys, lost_from = self.keys_after_a_power_cut("everysec")
        self.assertLess(keys, ROWS)
        self.assertLess(lost_from, time.monotonic_ns())

    def test_a_kill_takes_nothing_where_no_sync_is_at_work(self):
        world = self.world("everysec")
        for i in range(ROWS):
            world.command("SET", f"key{i}", "value")
        asyncio.run(world.between_syncs())
        self.assertIsNone(world.kill())
        world.boot()
        self.assertEqual(ask(world.socket, "DBSIZE"), ROWS)

    def test_a_kill_takes_what_was_confirmed_while_a_sync_was_at_work(self):
        world = self.world("everysec")
        world.controls.set(sync_us=60_000_000)
        world.command("SET", "before", "value")
        while world.unwritten_since(world.looked()) is None:
            time.sleep(0.01)
        before = time.monotonic_ns()
        for i in range(ROWS):
            world.command("SET", f"key{i}", "value")
        lost_from = world.kill()
        world.boot()
        self.assertEqual(ask(world.socket, "EXISTS", "before"), 1)
        self.assertLess(ask(world.socket, "DBSIZE"), ROWS + 1)
        self.assertLess(lost_from, before)

    def test_a_kill_of_one_that_hangs_takes_what_it_held_back_however_long_ago_the_sync_has_ended(self):
        world = self.world("everysec")
        world.controls.set(sync_us=60_000_000)
        world.command("SET", "before", "value")
        while (since := world.unwritten_since(world.looked())) is None:
            time.sleep(0.01)
        before = time.monotonic_ns()
        world.command("SET", "key", "value")
        world.process.send_signal(signal.SIGSTOP)
        # As if the sync's thread had not hung.
        world.syncs.note(f"ended {since + CONFIRMED_MEANWHILE} {before} 0 {world.log_files()[-1]}")
        self.assertIsNone(world.unwritten_since(before + SECOND), "all would have been written by now")
        self.assertLess(world.kill(), before)
        world.boot()
        self.assertEqual(ask(world.socket, "EXISTS", "key"), 0)

    def keys_after_a_power_cut_in_a_rewrite(self, policy):
        """Of ROWS before it began and as many behind that."""
        world = self.world(policy)
        world.controls.set(sync_us=1_000 if policy == "always" else 500_000)
        for i in range(ROWS):
            world.command("SET", f"key{i}", "value")
        world.begin_rewrite(60)
        for i in range(ROWS, 2 * ROWS):
            world.command("SET", f"key{i}", "value")
        self.assertTrue(world.is_rewriting())
        self.assertEqual(len(world.log_files()), 2)
        world.lose_power(random.Random(2))
        world.boot()
        return sorted(int(key[3:]) for key in ask(world.socket, "KEYS", "*"))

    def test_a_power_cut_in_a_rewrite_takes_nothing_that_always_has_confirmed(self):
        self.assertEqual(self.keys_after_a_power_cut_in_a_rewrite("always"), list(range(2 * ROWS)))

    def test_a_power_cut_in_a_rewrite_leaves_no_gap(self):
        keys = self.keys_after_a_power_cut_in_a_rewrite("everysec")
        self.assertLess(len(keys), ROWS, "the file from before the rewrite was to be torn")
        self.assertEqual(keys, list(range(len(keys))))

    def test_after_a_rewrite_a_power_cut_takes_nothing_from_before_it(self):
        world = self.world("everysec")
        for i in range(ROWS):
            world.command("SET", f"key{i}", "value")
        world.begin_rewrite()
        while world.is_rewriting():
            time.sleep(0.01)
        world.controls.set(sync_us=60_000_000)
        began = time.monotonic_ns()
        world.command("SET", "behind", "value")
        self.assertLess(world.lose_power(random.Random(1)), began)
        world.boot()
        self.assertGreaterEqual(ask(world.socket, "DBSIZE"), ROWS)

    def test_the_clock_of_the_server_is_stepped(self):
        world = self.world("always")
        world.controls.set(clock_us=-7200 * 1_000_000)
        seconds = int(world.command("TIME").split(b"\r\n")[2])
        self.assertLess(seconds, time.time() - 7000)

    def test_a_rollback_brings_back_the_older_copy(self):
        world = self.world("always")
        world.command("SET", "before", "1")
        world.take_copy()
        world.command("SET", "after", "1")
        world.roll_back()
        world.boot()
        self.assertEqual(world.command("EXISTS", "before"), b":1\r\n")
        self.assertEqual(world.command("EXISTS", "after"), b":0\r\n")


class SqliteFaults(unittest.TestCase):
    def rows_after_a_power_cut(self, synchronous):
        with tempfile.TemporaryDirectory() as folder:
            world = SqliteWorld(folder, synchronous, Diary(folder))
            environment = {**os.environ, "LD_PRELOAD": FAULTS, "CHAOS_UNSYNCED": world.log}
            writer = subprocess.Popen(["sqlite3", world.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env=environment)
            writer.stdin.write("create table row(i);\npragma journal_mode=wal;\n"
                               f"pragma synchronous={synchronous};\n")
            for i in range(ROWS):
                writer.stdin.write(f"insert into row values({i}); select 'confirmed {i}';\n")
            writer.stdin.flush()
            while writer.stdout.readline() != f"confirmed {ROWS - 1}\n":
                pass
            processes.kill(writer)
            writer.stdin.close()
            writer.stdout.close()
            world.lose_power(random.Random(1))
            return int(subprocess.check_output(["sqlite3", world.path, "select count(*) from row"]))

    def test_a_power_cut_takes_nothing_that_full_has_confirmed(self):
        self.assertEqual(self.rows_after_a_power_cut("full"), ROWS)

    def test_a_power_cut_takes_what_normal_has_not_synced(self):
        self.assertLess(self.rows_after_a_power_cut("normal"), ROWS)

    def test_a_power_cut_takes_nothing_from_before_a_rollback(self):
        with tempfile.TemporaryDirectory() as folder:
            world = SqliteWorld(folder, "normal", Diary(folder))
            before = time.monotonic_ns()
            world.take_copy()
            world.roll_back()
            self.assertGreater(world.lose_power(random.Random(1)), before)


class SentinelFaults(unittest.TestCase):
    """A busy machine has the sentinels give up a master that nobody touched."""

    def own_failovers(self, seconds_ago, caused=()):
        now, wall = time.monotonic_ns(), time.time()
        with tempfile.TemporaryDirectory() as folder:
            world = SentinelWorld(folder, "always", "memory", FAULTS)
            world.caused = [Failover(now - began * SECOND, now - over * SECOND, world.servers[1]) for began, over in caused]
            for number in range(3):
                with open(os.path.join(folder, f"sentinel-{number + 1}.log"), "w", encoding="utf-8") as log:
                    for ago in seconds_ago:   # one leads it, and one after the other hears of it
                        at = datetime.datetime.fromtimestamp(wall - ago + 0.9 * number, datetime.timezone.utc)
                        when = at.strftime("%d %b %Y %H:%M:%S.%f")[:-3]
                        port = world.servers[1].port
                        if number == 0:
                            log.write(f"7:X {when} # +promoted-slave slave 127.0.0.1:{port} 127.0.0.1 {port} @ jobs 127.0.0.1 1\n")
                        log.write(f"7:X {when} # +sdown master jobs 127.0.0.1 1\n7:X {when} # +switch-master jobs 127.0.0.1 1 127.0.0.1 {port}\n")
            self.settings = list(world.settings_of_the_clock())
            return [(round((now - own.began) / SECOND), round((own.alone_since - now) / SECOND)) for own in world.failovers_of_their_own()]

    def test_one_that_nobody_asked_for_is_found_in_the_logs_once(self):
        self.assertEqual(self.own_failovers([60, 20]), [(63, -48), (23, -8)])

    def test_one_of_ours_is_no_other(self):
        self.assertEqual(self.own_failovers([60, 20], caused=[(62, 59)]), [(23, -8)])

    def test_each_may_set_the_clock(self):
        self.own_failovers([60, 20], caused=[(62, 59)])
        self.assertEqual([round((ahead - processes.clock_ahead()) / SECOND) for _, _, ahead in self.settings], [5, 5])
        self.assertLess(self.settings[0][1], self.settings[1][1])

    def test_the_clocks_of_the_two_servers_are_apart(self):
        world = SentinelWorld(self.enterContext(tempfile.TemporaryDirectory()), "always", "memory", FAULTS)
        self.addCleanup(world.end)
        master, replica = world.servers
        asyncio.run(self.both_run(master, replica))
        seen = [int(ask(server.address, "TIME")[0]) for server in (master, replica)]
        self.assertIn(seen[1] - seen[0], range(5, 9))

    @staticmethod
    async def both_run(master, replica):
        for server in (master, replica):
            server.boot()
            await until("it runs", lambda server=server: ask(server.address, "PING") == b"PONG")


if __name__ == "__main__":
    unittest.main()
