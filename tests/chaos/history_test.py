"""The judge sees what it is there to see: good histories pass, and each kind of bad one is named."""
import unittest

from history import History

JOB = "c4a05000-0001-8000-8000-000000000001"
OTHER = "c4a05000-0001-8000-8000-000000000002"

BATCH = [f"c4a05000-0001-8000-8000-{i:012x}" for i in range(4)]


class Story:
    """Writes a history in seconds."""

    def __init__(self):
        self.history, self.finals = History(), []

    def tell(self, who, at, event, **fields):
        self.history.add(who, {"t": at, "e": event, **fields})
        return self

    def enqueued(self, at=1, confirmed=2, jobs=((JOB, "ok"),), batch=1):
        self.tell("producer-1", at, "asked", batch=batch, jobs=[list(job) for job in jobs])
        if confirmed:
            self.tell("producer-1", confirmed, "confirmed", batch=batch)
        return self

    def run(self, worker, fence, at, ended=None, how="returned", settled=None, kind="done", verdict="accepted", job=JOB, **more):
        who = f"worker-{worker}"
        self.tell(who, at, "started", id=job, fence=fence, name="ok", attempt=1)
        if ended:
            self.tell(who, ended, "ended", id=job, fence=fence, how=how, **more)
        if settled:
            self.tell(who, settled, "settled", id=job, fence=fence, how=kind, verdict=verdict)
        return self

    def fault(self, at, lost_from, kind="rollbacks", **more):
        return self.tell("orchestrator", at, "fault", kind=kind, lost_from=lost_from, **more)

    def final(self, state="done", by=1, fence=7, job=JOB, error=None, payload=None, **more):
        result = {"by": by, "fence": fence, **more} if state == "done" and not error else None
        self.finals.append({"id": job, "name": "ok", "state": state, "result": result, "payload": payload,
                            "error": {"type": error} if error else None})
        return self

    def violations(self):
        self.history.judge(self.finals)
        return self.history.violations


class Judgements(unittest.TestCase):
    def assert_good(self, story):
        self.assertEqual(story.violations(), [])

    def assert_blamed(self, story, *texts):
        violations = story.violations()
        self.assertEqual(len(violations), len(texts), violations)
        for text in texts:
            self.assertTrue(any(text in violation for violation in violations), violations)


class HistoryTest(Judgements):
    def test_a_job_that_ran_once_is_good(self):
        self.assert_good(Story().enqueued().run(1, 7, 3, 4, settled=5).final())

    def test_a_confirmed_job_that_is_gone_is_lost(self):
        self.assert_blamed(Story().enqueued(), "was lost")

    def test_an_unconfirmed_job_may_be_gone(self):
        self.assert_good(Story().enqueued(confirmed=None))
        self.assert_good(Story().enqueued(confirmed=None).fault(at=3, lost_from=1))

    def test_a_job_confirmed_within_the_window_of_a_fault_may_be_gone(self):
        story = Story().enqueued().fault(at=3, lost_from=1)
        self.assert_good(story)
        self.assertEqual(story.history.counts["vanished within a fault's window"], 1)
        self.assertEqual(story.history.counts["confirmed, and no fault may undo it"], 0)

    def test_how_much_a_run_proves_is_counted(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5).final()
        self.assert_good(story)
        self.assertEqual(story.history.counts["confirmed, and no fault may undo it"], 1)

    def test_a_job_confirmed_before_the_window_is_lost(self):
        self.assert_blamed(Story().enqueued().fault(at=6, lost_from=3), "was lost")

    def test_a_job_asked_for_after_the_fault_is_lost(self):
        self.assert_blamed(Story().fault(at=1, lost_from=0).enqueued(at=2, confirmed=3), "was lost")

    def test_a_fault_that_may_not_lose_anything_excuses_nothing(self):
        self.assert_blamed(Story().enqueued().fault(at=3, lost_from=None), "was lost")

    def test_a_batch_is_there_as_a_whole_or_not_at_all(self):
        story = Story().enqueued(confirmed=None, jobs=((JOB, "ok"), (OTHER, "ok"))).run(1, 7, 3, 4, settled=5).final()
        self.assert_blamed(story, "torn")

    def test_of_what_is_applied_in_parts_each_is_there_as_a_whole_or_not_at_all(self):
        def story(parts, there, confirmed=None):
            told = Story().tell("orchestrator", 0, "whole", jobs=parts).enqueued(confirmed=confirmed, jobs=[(job, "ok") for job in BATCH])
            for i in range(there):
                told.run(1, 7, 3, 4, settled=5, job=BATCH[i]).final(job=BATCH[i])
            return told
        self.assert_good(story(2, there=2))
        self.assert_good(story(1, there=3))
        self.assert_blamed(story(2, there=3), "of 2 jobs that belong together 1 are there")
        self.assert_blamed(story(2, there=2, confirmed=2), f"was lost, job {BATCH[2]} and 1 more")
        faulty = story(2, there=2, confirmed=2).fault(at=3, lost_from=1.5)
        self.assert_good(faulty)
        self.assertEqual(faulty.history.counts["vanished within a fault's window"], 2)

    def test_a_job_that_has_not_ended_is_blamed(self):
        self.assert_blamed(Story().enqueued().final("ready"), "has not ended")

    def test_a_job_that_nobody_asked_for_is_blamed(self):
        self.assert_blamed(Story().run(1, 7, 3, 4, settled=5).final(), "never asked for")

    def test_a_job_in_the_list_twice_is_blamed(self):
        self.assert_blamed(Story().enqueued().run(1, 7, 3, 4, settled=5).final().final(), "listed twice")

    def test_two_confirmations_are_blamed(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5).run(2, 8, 5, 7, settled=8).final()
        self.assert_blamed(story, "was confirmed as done by worker-1 fence 7, and then done")

    def test_two_confirmations_with_a_rollback_of_the_first_between_them_are_good(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5).fault(at=6, lost_from=4.5)
        self.assert_good(story.run(2, 8, 7, 8, settled=9).final(by=2, fence=8))

    def test_the_confirmation_that_was_undone_may_be_heard_of_last(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=9).fault(at=5, lost_from=3.5)
        self.assert_good(story.run(2, 8, 6, 7, settled=8).final(by=2, fence=8))

    def test_a_rollback_to_after_the_first_confirmation_excuses_no_second(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5).fault(at=7, lost_from=6)
        self.assert_blamed(story.run(2, 8, 8, 9, settled=10).final(), "and then done", "and then given to worker-2")

    def test_a_rollback_after_both_confirmations_excuses_neither(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5).run(2, 8, 5, 7, settled=8).fault(at=9, lost_from=0)
        self.assert_blamed(story.final(), "was confirmed as done")

    def test_a_retry_accepted_after_the_job_was_done_is_blamed(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5)
        self.assert_blamed(story.run(2, 8, 5, 7, how="threw", settled=8, kind="retry").final(), "and then retry")

    def test_what_is_done_and_is_given_out_again_is_blamed_though_nobody_is_heard(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5)
        for i in range(9):
            story.run(2, 8 + i, 62 + i, 62.5 + i, settled=62.6 + i, verdict="fenced")
        self.assert_blamed(story.final(), *(f"by worker-1 fence 7, and then given to worker-2 fence {8 + i}" for i in range(9)))

    def test_a_lease_from_before_the_end_may_start_after_it(self):
        for start, good in ((5.5, True), (6.5, False)):
            story = Story().tell("orchestrator", 0, "lease", ns=1).enqueued().run(1, 7, 3, 4, settled=5)
            story.run(2, 8, start, start + 1, settled=start + 2, verdict="fenced").final()
            if good:
                self.assert_good(story)
            else:
                self.assert_blamed(story, "and then given to worker-2")

    def test_an_end_that_was_refused_gives_nobody_a_reason_not_to_get_the_job(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5, verdict="fenced")
        self.assert_good(story.run(2, 8, 62, 63, settled=64).final(by=2, fence=8))

    def test_an_end_that_a_fault_undid_lets_the_job_be_given_out_again(self):
        for kind in ("rollbacks", "power losses"):
            story = Story().enqueued().run(1, 7, 3, 4, settled=5).fault(at=6, lost_from=4.5, kind=kind)
            self.assert_good(story.run(2, 8, 7, 8, settled=9).final(by=2, fence=8))

    def test_a_fault_that_comes_when_the_job_was_given_out_again_is_no_excuse(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5).run(2, 8, 6, 8, settled=10, verdict="fenced")
        self.assert_blamed(story.fault(at=9, lost_from=0).final(), "and then given to worker-2")

    def test_of_two_masters_one_may_give_out_what_the_other_knows_is_done(self):
        def story(**more):
            return (Story().enqueued().run(1, 7, 3, 4, settled=5).run(2, 8, 6, 8, settled=10, verdict="fenced")
                    .fault(9, None, leases_from=2, **more).final())
        self.assert_good(story(two=True))
        self.assert_blamed(story(), "and then given to worker-2")

    def test_a_fenced_worker_that_is_accepted_is_blamed(self):
        story = Story().enqueued().run(1, 7, 3, 6, settled=7).run(2, 8, 5).final()
        self.assert_blamed(story, "was fenced by worker-2 fence 8")

    def test_a_fenced_worker_that_is_refused_is_good(self):
        story = Story().enqueued().run(1, 7, 3, 6, settled=7, verdict="fenced").run(2, 8, 5, 8, settled=9)
        self.assert_good(story.final(by=2, fence=8))
        self.assertEqual(story.history.counts["fencings"], 1)
        self.assertEqual(story.history.counts["duplicates"], 1)

    def test_a_token_that_a_rollback_made_current_again_is_good(self):
        story = Story().enqueued().run(1, 7, 3, 8, settled=9).run(2, 8, 5).fault(at=6, lost_from=4)
        self.assert_good(story.final())

    def test_a_newer_lease_from_before_a_rollback_fences_nobody_after_it(self):
        story = Story().enqueued().run(2, 8, 3).fault(at=5, lost_from=2)
        self.assert_good(story.run(1, 7, 6, 7, settled=8).final())

    def test_an_old_rollback_excuses_no_fenced_worker(self):
        story = Story().fault(at=0.5, lost_from=0).enqueued().run(1, 7, 3, 6, settled=7).run(2, 8, 5).final()
        self.assert_blamed(story, "was fenced by worker-2 fence 8")

    def test_a_lease_may_have_been_given_some_time_before_its_run_began(self):
        story = Story().tell("orchestrator", 0, "lease", ns=1).enqueued().fault(at=5, lost_from=2).run(2, 8, 5.5)
        self.assert_good(story.run(1, 7, 6, 7, settled=8).final())

    def test_a_fence_that_was_given_twice_is_blamed(self):
        story = Story().enqueued().run(1, 7, 3).run(2, 7, 5, 6, settled=7).final(by=2)
        self.assert_blamed(story, "the same fence")

    def test_a_fence_given_again_after_a_rollback_is_good(self):
        self.assert_good(Story().enqueued().run(1, 7, 3).fault(4, 2).run(2, 7, 5, 6, settled=7).final(by=2))

    def test_a_fault_of_leases_only_excuses_a_fence_and_no_loss(self):
        story = Story().enqueued().run(1, 7, 3).fault(4, None, leases_from=2).run(2, 7, 5, 6, settled=7).final(by=2)
        self.assert_good(story)
        self.assert_blamed(Story().enqueued().fault(4, None, leases_from=1), "was lost")

    def test_of_two_masters_one_may_give_what_the_other_has_given_before_either_is_gone(self):
        both = Story().enqueued().run(1, 7, 3).run(2, 7, 4, 6, settled=7).final(by=2)
        self.assert_good(both.fault(9, None, leases_from=2, two=True))
        self.assert_blamed(Story().enqueued().run(1, 7, 3).run(2, 7, 4, 6, settled=7).final(by=2)
                           .fault(9, None, leases_from=2), "the same fence")
        self.assert_blamed(Story().enqueued().run(1, 7, 3).run(2, 7, 4, 6, settled=7).final(by=2)
                           .fault(9, None, leases_from=5, two=True), "the same fence")

    def test_of_two_masters_one_may_accept_what_the_other_has_fenced(self):
        story = Story().enqueued().run(1, 7, 3, 6, settled=7).run(2, 8, 5).final()
        self.assert_good(story.fault(9, None, leases_from=4, two=True))

    def test_a_worker_may_get_the_same_fence_again_after_a_rollback(self):
        story = Story().enqueued().run(1, 7, 3).fault(4, 2).run(1, 7, 5)
        story.tell("worker-1", 6, "ended", id=JOB, fence=7, how="lost")
        story.tell("worker-1", 7, "ended", id=JOB, fence=7, how="returned")
        story.tell("worker-1", 8, "settled", id=JOB, fence=7, how="done", verdict="accepted")
        self.assert_good(story.final())

    def test_a_confirmed_end_that_was_changed_is_blamed(self):
        story = Story().enqueued(jobs=((JOB, "flaky"),)).run(1, 7, 3, 4, settled=5)
        for fence in range(8, 12):
            story.run(2, fence, 5, 7, how="threw")
        self.assert_blamed(story.final("dead", error="exception"), "was confirmed as done by worker-1")

    def test_the_result_is_that_of_the_confirmed_run(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5, verdict="accepted").run(2, 8, 4.5, 6)
        self.assert_blamed(story.final(by=2, fence=8), "with the result of worker-2")

    def test_an_end_that_is_told_again_to_its_own_run_is_good(self):
        self.assert_good(Story().enqueued().run(1, 7, 3, 4, settled=5, verdict="already_accepted").final())

    def test_a_run_that_is_told_it_did_what_another_with_its_fence_has_done_is_blamed(self):
        story = Story().enqueued().run(1, 7, 3).fault(4, 2).run(2, 7, 5, 6, settled=7).final(by=2)
        story.tell("worker-1", 8, "ended", id=JOB, fence=7, how="returned")
        story.tell("worker-1", 9, "settled", id=JOB, fence=7, how="done", verdict="already_accepted")
        self.assert_blamed(story, "confirmed by worker-1 fence 7, with the result of worker-2",
                           "confirmed as done by worker-2 fence 7, and then done by worker-1")

    def test_a_run_that_is_told_it_did_what_was_never_done_is_blamed(self):
        story = Story().enqueued().run(1, 7, 3, 4, settled=5, verdict="already_accepted").run(2, 8, 5, 7, settled=8)
        self.assert_blamed(story.final("expired"), "was confirmed as done by worker-1", "nobody wanted that",
                           "confirmed as done by worker-1 fence 7, and then done")

    def test_a_result_that_no_run_returned_is_blamed(self):
        self.assert_blamed(Story().enqueued().final(), "that no run returned")

    def test_a_long_result_is_there_to_its_last_byte(self):
        for there, good in ((5000, True), (4999, False), (0, False)):
            story = Story().enqueued().run(1, 7, 3, 4, settled=5, filling=5000).final(filling="r" * there)
            if good:
                self.assert_good(story)
                self.assertEqual(story.history.counts["long results"], 1)
            else:
                self.assert_blamed(story, "with a result that no run returned")

    def test_a_result_may_be_dropped_while_the_memory_was_full(self):
        for since, until, filling, good in ((3, 6, 5000, True), (4.5, 4.6, 5000, True), (5.5, 6, 5000, False), (3, 6, 0, False)):
            story = Story().enqueued().run(1, 7, 3, 4, settled=5, filling=filling).final(error="result dropped")
            story.tell("orchestrator", until, "full_memory", since=since)
            if good:
                self.assert_good(story)
                self.assertEqual(story.history.counts["results dropped at full memory"], 1)
            else:
                self.assert_blamed(story, "with a result that no run returned: None")

    def test_a_payload_reaches_its_run_and_stays_to_the_last_byte(self):
        def story(got, kept):
            told = Story().enqueued(jobs=((JOB, "ok", {"bytes": 6000}),)).run(1, 7, 3, 4, settled=5)
            return told.final(payload="p" * kept, got=got)
        self.assert_good(story(6000, 6000))
        self.assert_blamed(story(0, 6000), "with a result that no run returned")
        self.assert_blamed(story(6000, 5999), "with a payload of 5999 bytes, asked for with 6000")

    def test_poison_goes_into_quarantine(self):
        story = Story().enqueued(jobs=((JOB, "poison"),))
        for fence in range(5):
            story.run(fence, fence, 3 + fence)
        self.assert_good(story.final("dead", error="quarantine"))
        self.assertEqual(story.history.counts["quarantines"], 1)

    def test_only_poison_goes_into_quarantine(self):
        story = Story().enqueued()
        for fence in range(5):
            story.run(fence, fence, 3 + fence)
        self.assert_blamed(story.final("dead", error="quarantine"), "innocent")

    def test_quarantine_without_crashes_is_blamed(self):
        story = Story().enqueued(jobs=((JOB, "poison"),)).run(1, 7, 3)
        self.assert_blamed(story.final("dead", error="quarantine"), "innocent: 1 of its runs")

    def test_dead_before_its_attempts_are_used_up_is_blamed(self):
        story = Story().enqueued(jobs=((JOB, "flaky"),)).run(1, 7, 3, 4, how="threw", settled=5, kind="retry")
        self.assert_blamed(story.final("dead", error="exception"), "failed only 1 times")

    def test_a_cancel_that_nobody_asked_for_is_blamed(self):
        self.assert_blamed(Story().enqueued().final("cancelled"), "nobody wanted that")

    def test_a_process_that_ended_by_itself_is_blamed(self):
        story = Story().tell("orchestrator", 1, "exit", process="worker-3", code=1, expected=False)
        self.assert_blamed(story, "worker-3 ended by itself")

    def test_a_blocked_loop_that_nothing_else_disturbed_keeps_its_lease(self):
        story = Story().enqueued().run(1, 7, 3, 6).tell("worker-1", 4, "blocked", id=JOB, fence=7)
        story.tell("worker-1", 7, "settled", id=JOB, fence=7, how="done", verdict="fenced")
        self.assert_blamed(story.run(2, 8, 5, 8, settled=9).final(by=2, fence=8), "nobody kept their leases")

    def test_of_twenty_blocked_loops_one_may_lose_its_lease_and_of_nineteen_none(self):
        for kept, good in ((19, True), (18, False)):
            story = Story()
            for i in range(kept + 1):
                job, verdict = f"c4a05000-0001-8000-8000-{i:012x}", "accepted" if i < kept else "fenced"
                story.enqueued(jobs=((job, "block"),), batch=i).run(1, 7, 3, 6, job=job)
                story.tell("worker-1", 4, "blocked", id=job, fence=7)
                story.tell("worker-1", 7, "settled", id=job, fence=7, how="done", verdict=verdict)
                story.final(job=job)
            if good:
                self.assert_good(story)
            else:
                self.assert_blamed(story, "of 19 runs that did nothing but block their loop 1 were fenced, at most 0 may be")
            self.assertIn(f"         1  loops blocked, and nothing else, and fenced (at most {int(good)})", story.history.figures())

    def test_a_blocked_loop_whose_process_was_stopped_may_lose_its_lease(self):
        for process in ("worker-1", None, "worker-2"):
            story = Story().enqueued().run(1, 7, 3, 6).tell("worker-1", 4, "blocked", id=JOB, fence=7)
            story.tell("orchestrator", 5, "count", what="workers stopped", process=process)
            story.tell("worker-1", 7, "settled", id=JOB, fence=7, how="done", verdict="fenced")
            story.run(2, 8, 5, 8, settled=9).final(by=2, fence=8)
            if process != "worker-2":   # None: nobody had time
                self.assert_good(story)
            else:
                self.assert_blamed(story, "nobody kept their leases")

    def test_a_run_without_its_minimum_proves_nothing(self):
        story = Story().tell("orchestrator", 1, "minimum", counts={"rollbacks": 2}).fault(2, 1)
        self.assert_blamed(story, "1 rollbacks, the minimum is 2")


if __name__ == "__main__":
    unittest.main()
