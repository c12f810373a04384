"""bench/compare on planted numbers; and in earnest, with tiny sizes, where runtime_bench and the references were built."""
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(ROOT, "bench"))

from runtime import judge, rows

NINE = 9
CALIBRATED = {"calibration/malloc": [9.9] * NINE, "calibration/heap": [152.0] * NINE, "calibration/eventfd": [538.0] * NINE}


def planted(**numbers):
    return dict(CALIBRATED, **{key.replace("__", "/"): value for key, value in numbers.items()})


def row_of(judged, key):
    return next(said for said in judged["rows"] if said["row"] == key)


def ratio_to(said, name):
    return next(each for each in said["ratios"] if each["to"] == name)


def compare(*arguments):
    return subprocess.run([os.path.join(ROOT, "bench", "compare"), *arguments], capture_output=True, text=True, check=False)


class Verdicts(unittest.TestCase):
    def test_a_ratio_above_its_target_is_missed_and_one_below_is_met(self):
        direct = row_of(judge.judge(planted(direct_await=[6.0] * NINE, asio_tasks__direct=[10.0] * NINE,
                                            bare_await__direct=[3.0] * NINE)), "direct_await")
        self.assertEqual(direct["verdict"], "met")  # 6 of 14 ns
        self.assertEqual(ratio_to(direct, "asio")["verdict"], "missed")  # 0.6 of 0.5
        self.assertEqual(ratio_to(direct, "bare")["verdict"], "met")  # 2.0 of 2.2

    def test_the_upper_end_decides_and_not_the_median(self):
        for slow_rounds, verdict in [(1, "met"), (2, "missed")]:
            ours = [10.0] * (NINE - slow_rounds) + [20.0] * slow_rounds
            said = row_of(judge.judge(planted(direct_await=ours)), "direct_await")
            self.assertEqual(said["ours"], 10.0)
            self.assertEqual(said["verdict"], verdict, f"{slow_rounds} slow rounds of nine")

    def test_with_few_rounds_each_counts(self):
        self.assertEqual(judge.spread([3.0, 1.0, 2.0]), (1.0, 2.0, 3.0))
        self.assertEqual(judge.spread(list(range(1, 10))), (2, 5, 8))

    def test_ratios_are_of_the_same_round(self):
        slow_machine = [6.0] * 4 + [60.0] * 5
        said = row_of(judge.judge(planted(direct_await=slow_machine, asio_tasks__direct=[2 * each for each in slow_machine])),
                      "direct_await")
        self.assertEqual(ratio_to(said, "asio")["spread"], [0.5, 0.5])

    def test_bytes_are_compared_with_bytes(self):
        key = "sleeping_task/1000000"
        measured = planted(asio_timers__sleeping=[700.0] * NINE)
        measured.update({key + " bytes": [500.0] * NINE, "asio_timers/sleeping bytes": [1000.0] * NINE})
        said = row_of(judge.judge(measured), key + " bytes")
        self.assertEqual(said["verdict"], "missed")
        self.assertEqual(ratio_to(said, "asio")["ratio"], 0.5)

    def test_a_group_is_compared_with_its_spawns(self):
        measured = planted()
        measured.update({"task_group_of/10": [450.0] * NINE, "spawn_join/1000": [30.0] * NINE})
        own = ratio_to(row_of(judge.judge(measured), "task_group_of/10"), "own")
        self.assertEqual((own["ratio"], own["verdict"]), (450.0 / 400.0, "missed"))

    def test_what_has_two_cores_is_compared_with_what_has_two(self):
        measured = planted()
        measured.update({"cross_loop": [10.0] * NINE, "cross_loop on 2 cores": [1.0] * NINE, "bare_eventfd/epoll": [5.0] * NINE,
                         "bare_eventfd/epoll on 2 cores": [50.0] * NINE})
        judged = judge.judge(measured)
        self.assertEqual(ratio_to(row_of(judged, "cross_loop"), "bare")["ratio"], 2.0)
        self.assertEqual(ratio_to(row_of(judged, "cross_loop on 2 cores"), "bare")["ratio"], 0.02)

    def test_growth_beyond_a_fifth_is_missed(self):
        for grown, verdict in [(35.0, "met"), (40.0, "missed")]:
            measured = planted()
            measured.update({"spawn_join/1000": [30.0] * NINE, "grown spawn_join/1000": [grown] * NINE})
            self.assertEqual(row_of(judge.judge(measured), "spawn_join/1000")["tenfold"]["verdict"], verdict)


class Void(unittest.TestCase):
    def test_a_slow_reference_makes_the_run_void_and_is_named(self):
        self.assertEqual(judge.judge(planted(bare_await__direct=[7.2] * NINE))["void"], [])  # 6.3 x 1.15 = 7.245
        found = judge.judge(planted(bare_await__direct=[7.3] * NINE))["void"]
        self.assertEqual([each["reference"] for each in found], ["bare_await direct"])

    def test_a_fast_machine_asks_more_of_its_references(self):
        measured = planted(bare_await__direct=[6.3] * NINE)
        measured["calibration/malloc"] = [4.95] * NINE
        self.assertEqual(len(judge.judge(measured)["void"]), 1)

    def test_every_reference_with_a_known_figure_is_in_the_table(self):
        used = {tuple(given[:2]) for row in rows.ROWS for given in (row.asio, row.bare) if given}
        used |= {(loop, row.python[0]) for row in rows.ROWS if row.python for loop in ("asyncio", "uvloop")}
        self.assertEqual(set(rows.MEASURED_ELSEWHERE) - used, set())


class Command(unittest.TestCase):
    def judged(self, measured):
        with tempfile.TemporaryDirectory() as folder:
            given, told = os.path.join(folder, "given.json"), os.path.join(folder, "told.json")
            with open(given, "w", encoding="utf-8") as file:
                json.dump({"measured": measured}, file)
            done = compare("--from", given, "--json", told)
            with open(told, encoding="utf-8") as file:
                return done, json.load(file)

    def test_a_missed_target_stands_in_the_table_and_among_the_missed(self):
        done, told = self.judged(planted(direct_await=[15.0] * NINE))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| direct await | 15.0 (15.0–15.0) ≤ 14 ✗ |", done.stdout)
        self.assertIn("missed: direct await: 15.0", done.stdout)
        self.assertEqual((told["judged"]["met"], told["judged"]["missed"]), (0, 1))

    def test_a_void_run_says_so_and_fails(self):
        done, told = self.judged(planted(direct_await=[5.0] * NINE, bare_await__direct=[70.0] * NINE))
        self.assertEqual(done.returncode, 3)
        self.assertIn("VOID: bare_await direct", done.stdout)
        self.assertEqual(len(told["judged"]["void"]), 1)

    def test_an_unknown_row_is_an_error(self):
        self.assertIn("no row is named nothing", compare("--only", "nothing").stderr)

    def test_what_wants_two_cores_is_left_out_with_one_and_named(self):
        with tempfile.TemporaryDirectory() as folder:
            one = str(min(os.sched_getaffinity(0)))
            done = subprocess.run(["taskset", "-c", one, os.path.join(ROOT, "bench", "compare"), "--only", "a core each", "--no-count",
                                   "--build", folder, "--json", os.path.join(folder, "told.json")],
                                  capture_output=True, text=True, check=False)
            self.assertIn("may use one core only: cross-loop round trip, a core each", done.stderr)
            with open(os.path.join(folder, "told.json"), encoding="utf-8") as file:
                self.assertEqual(json.load(file)["about"]["skipped"], ["cross-loop round trip, a core each"])

    def test_it_runs(self):
        if not os.access(os.path.join(BUILD, "reference", "bare_await"), os.X_OK):
            self.skipTest("the benchmarks were not built")
        with tempfile.TemporaryDirectory() as folder:
            told = os.path.join(folder, "told.json")
            done = compare("--rounds", "1", "--scale", "0.001", "--min-time", "0.001", "--no-count", "--build", BUILD, "--json", told,
                           "--only", "direct_await", "yield_among", "queue", "lock", "cross_loop", "timeout")
            self.assertIn(done.returncode, (0, 3), done.stderr)
            with open(told, encoding="utf-8") as file:
                data = json.load(file)
        direct = row_of(data["judged"], "direct_await")
        self.assertGreater(direct["ours"], 0)
        self.assertLessEqual({"asio", "bare"}, {each["to"] for each in direct["ratios"]})
        self.assertEqual({"rounds", "load", "absent", "skipped", "processor", "cores", "compiler", "date", "seconds"}, set(data["about"]))


class Allocations(unittest.TestCase):
    def test_calls_of_malloc_are_counted_by_name_and_by_number(self):
        loader = importlib.machinery.SourceFileLoader("count", os.path.join(ROOT, "bench", "count-instructions"))
        count = importlib.util.module_from_spec(importlib.util.spec_from_loader("count", loader))
        loader.exec_module(count)
        profile = ["fn=(1) main\n", "cfn=(2) malloc\n", "calls=3 0\n", "5 70\n", "cfn=(3) free\n", "calls=3 0\n",
                   "fn=(4) other\n", "cfn=(2)\n", "calls=4 0\n"]
        self.assertEqual(count.allocations(profile), 7)


unittest.main(argv=sys.argv[:1], verbosity=1)
