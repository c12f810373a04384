"""What is told of failovers from the sentinels' logs."""
import types
import unittest

from sentinel_world import PROMOTED, Failover, in_turn, not_caused

A, B = types.SimpleNamespace(port=1), types.SimpleNamespace(port=2)


class SentinelWorldTest(unittest.TestCase):
    def test_only_the_leader_of_a_failover_tells_of_it(self):
        lines = ["5392:X 27 Nov 2026 23:00:17.095 # +promoted-slave slave 127.0.0.1:34585 127.0.0.1 34585 @ jobs 127.0.0.1 35233",
                 "5392:X 27 Nov 2026 23:00:17.182 # +failover-end master jobs 127.0.0.1 35233",
                 "5392:X 27 Nov 2026 23:00:17.182 # +switch-master jobs 127.0.0.1 35233 127.0.0.1 34585",
                 "5388:X 27 Nov 2026 23:00:18.190 # +switch-master jobs 127.0.0.1 35233 127.0.0.1 34585"]
        found = [match.groups() for match in map(PROMOTED.match, lines) if match]
        self.assertEqual(found, [("27 Nov 2026 23:00:17.095", "34585")])

    def test_those_that_the_run_caused_are_not_counted_again_and_all_others_are(self):
        caused = [Failover(100, 200, B)]
        said = [(150, 2), (260, 1), (180, 2), (90, 2)]
        self.assertEqual(not_caused(said, caused), [(90, 2), (180, 2), (260, 1)])

    def test_two_that_follow_each_other_at_once_are_two(self):
        self.assertEqual(not_caused([(150, 2), (151, 1)], [Failover(100, 149, A)]), [(150, 2), (151, 1)])

    def test_the_newest_failover_counts_however_long_the_old_master_may_have_stayed_one(self):
        there, back, again = Failover(0, 4, B, 16), Failover(9, 13, A), Failover(30, 31, B, 43)
        self.assertEqual(list(in_turn([back, again, there])), [(there, 13), (back, 13), (again, 43)])


if __name__ == "__main__":
    unittest.main()
