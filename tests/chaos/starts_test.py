"""The judge sees a job that started before it might, or too late."""
import unittest

from history_test import JOB, OTHER, Judgements, Story

THIRD = "c4a05000-0001-8000-8000-000000000003"
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
LEASE = SECOND


class Starts(Story):
    """A story of seconds and milliseconds; the broker's clock is the events' until it is set."""

    def __init__(self):
        super().__init__()
        self.set_clock(0).tell("orchestrator", 0, "lease", ns=LEASE)

    def set_clock(self, at, ahead=0, since=None):
        self.tell("orchestrator", int(at * SECOND), "clock", since=int((at if since is None else since) * SECOND), ahead=ahead)
        return self

    def asked(self, *jobs, at=1, confirmed=2, batch=1):
        """Each an id, a name, and terms."""
        self.tell("producer-1", int(at * SECOND), "asked", batch=batch, jobs=[list(job) for job in jobs])
        if confirmed:
            self.tell("producer-1", int(confirmed * SECOND), "confirmed", batch=batch)
        return self

    def ran(self, at, job=JOB, fence=7, how="returned", kind="done", verdict="accepted", final=True):
        """For half a second."""
        at = int(at * SECOND)
        self.run(1, fence, at, at + SECOND // 4, how, at + SECOND // 2, kind, verdict, job)
        return self.final(job=job, fence=fence) if final else self

    def lost(self, at, lost_from):
        return self.fault(int(at * SECOND), int(lost_from * SECOND))


def after(*others):
    return {"after": list(others)}


class AfterTest(Judgements):
    def two(self):
        return Starts().asked((JOB, "ok"), (OTHER, "ok", after(JOB)))

    def test_a_job_that_starts_when_the_other_has_ended_is_good(self):
        story = self.two().ran(3).ran(4, OTHER, fence=8)
        self.assert_good(story)
        self.assertEqual(story.history.counts["runs after other jobs"], 1)

    def test_a_job_that_starts_before_the_other_has_ended_is_blamed(self):
        self.assert_blamed(self.two().ran(3).ran(3.2, OTHER, fence=8), f"started before job {JOB} had ended")

    def test_a_job_that_starts_before_the_other_has_started_is_blamed(self):
        self.assert_blamed(self.two().ran(4).ran(3, OTHER, fence=8), f"started before job {JOB} had ended")

    def test_a_job_may_wait_for_one_of_another_batch(self):
        for start, good in ((4, True), (3.2, False)):
            story = Starts().asked((JOB, "ok")).asked((OTHER, "ok", after(JOB)), at=2.5, confirmed=2.6, batch=2)
            story.ran(3).ran(start, OTHER, fence=8)
            if good:
                self.assert_good(story)
                self.assertEqual(story.history.counts["runs after jobs of other batches"], 1)
            else:
                self.assert_blamed(story, f"started before job {JOB} had ended")

    def test_who_waits_for_a_job_that_a_fault_took_may_be_refused(self):
        def story(*waits, lost_from):
            told = Starts().asked((JOB, "ok")).lost(3, lost_from).asked((OTHER, "ok", *waits), at=4, confirmed=None, batch=2)
            return told.tell("producer-1", 5 * SECOND, "refused", batch=2, why="not known here")
        self.assert_good(story(after(JOB), lost_from=1.5))
        self.assert_blamed(story(after(JOB), lost_from=2.5).ran(3), "batch 2 was refused: not known here")
        self.assert_blamed(story(lost_from=1.5), "batch 2 was refused: not known here")

    def test_a_fault_that_comes_after_a_refusal_excuses_nothing(self):
        story = Starts().asked((JOB, "ok")).asked((OTHER, "ok", after(JOB)), at=4, confirmed=None, batch=2)
        story.tell("producer-1", 5 * SECOND, "refused", batch=2, why="not known here").lost(6, 1.5)
        self.assert_blamed(story, "batch 2 was refused: not known here")

    def test_all_that_a_job_waits_for_must_have_ended(self):
        story = Starts().asked((JOB, "ok"), (OTHER, "ok"), (THIRD, "ok", after(JOB, OTHER)))
        story.ran(3).ran(5, OTHER, fence=8).ran(4, THIRD, fence=9)
        self.assert_blamed(story, f"started before job {OTHER} had ended")

    def test_a_run_that_was_given_back_or_failed_is_no_end(self):
        for how, kind in (("lost", "give_back"), ("threw", "retry")):
            story = self.two().ran(3, how=how, kind=kind, final=False).ran(5, OTHER, fence=8).ran(6, fence=9)
            self.assert_blamed(story, f"started before job {JOB} had ended")

    def test_a_run_that_was_fenced_is_no_end(self):
        story = self.two().ran(3, verdict="fenced", final=False).ran(5, OTHER, fence=8).ran(6, fence=9)
        self.assert_blamed(story, f"started before job {JOB} had ended")

    def test_a_run_that_was_refused_may_have_been_an_end_that_a_fault_undid(self):
        story = self.two().run(1, 7, 3 * SECOND, 4 * SECOND, settled=7 * SECOND, verdict="fenced").lost(6, lost_from=3.5)
        self.assert_good(story.ran(5, OTHER, fence=8).ran(8, fence=9))

    def test_an_end_that_nobody_heard_of_is_one(self):
        self.assert_good(self.two().run(1, 7, 3 * SECOND, 4 * SECOND).final().ran(5, OTHER, fence=8))

    def test_the_last_attempt_is_an_end(self):
        for attempts in (3, 4):
            story = Starts().asked((JOB, "flaky"), (OTHER, "ok", after(JOB)))
            for i in range(attempts):
                story.ran(3 + i, fence=7 + i, how="threw", kind="retry", final=False)
            story.ran(8, OTHER, fence=20)
            if attempts == 4:
                self.assert_good(story.final("dead", error="exception"))
            else:
                self.assert_blamed(story.ran(9, fence=21), f"started before job {JOB} had ended")

    def test_the_third_crash_of_poison_is_an_end(self):
        for crashes in (2, 3):
            story = Starts().asked((JOB, "poison"), (OTHER, "ok", after(JOB)))
            for i in range(crashes):
                story.run(1 + i, 7 + i, (3 + i) * SECOND)
            story.ran(7, OTHER, fence=20).run(9, 21, 8 * SECOND).final("dead", error="quarantine")
            if crashes == 3:
                self.assert_good(story)
            else:
                self.assert_blamed(story, f"started before job {JOB} had ended")

    def test_an_expiry_is_an_end(self):
        for ran_at in (3, 5):
            story = Starts().asked((JOB, "ok", {"expires_at": 4000}), (OTHER, "ok", after(JOB))).final("expired")
            if ran_at == 5:
                self.assert_good(story.ran(5, OTHER, fence=8))
            else:
                self.assert_blamed(story.ran(3, OTHER, fence=8), f"started before job {JOB} had ended")


class TimeTest(Judgements):
    def delayed(self, **terms):
        return Starts().asked((JOB, "ok", terms or {"delay": 5000}))

    def test_a_job_that_starts_when_it_is_due_is_good(self):
        self.assert_good(self.delayed().ran(6))
        self.assert_good(self.delayed(run_at=6000).ran(6))

    def test_a_job_that_starts_before_its_delay_is_over_is_blamed(self):
        self.assert_blamed(self.delayed().ran(5.9), "started 100 ms before it was due")

    def test_a_job_that_starts_before_its_time_is_blamed(self):
        self.assert_blamed(self.delayed(run_at=6000).ran(5.9), "started 100 ms before it was due")

    def test_of_a_delay_and_a_time_the_later_counts(self):
        self.assert_blamed(self.delayed(delay=1000, run_at=6000).ran(5), "before it was due")
        self.assert_blamed(self.delayed(delay=5000, run_at=2000).ran(5), "before it was due")

    def test_where_the_clock_is_set_forwards_jobs_are_due_earlier(self):
        self.assert_good(self.delayed().set_clock(3, ahead=HOUR).ran(3.1))

    def test_a_step_that_comes_after_the_start_excuses_nothing(self):
        self.assert_blamed(self.delayed().ran(3.1).set_clock(4, ahead=HOUR), "before it was due")

    def test_a_step_before_the_call_makes_no_delay_shorter(self):
        story = Starts().set_clock(0.5, ahead=HOUR).asked((JOB, "ok", {"delay": 5000})).ran(5.9)
        self.assert_blamed(story, "started 100 ms before it was due")

    def test_while_the_clock_is_being_set_either_counts(self):
        self.assert_good(self.delayed().set_clock(3, ahead=HOUR, since=2.9).ran(2.95))

    def test_a_clock_that_is_set_back_stands_still_and_makes_no_delay_shorter(self):
        story = Starts().asked((OTHER, "ok"), at=1, confirmed=1.5, batch=1).set_clock(2, ahead=-HOUR)
        story.asked((JOB, "ok", {"delay": 5000}), at=2.5, confirmed=2.6, batch=2).set_clock(3)
        self.assert_blamed(story.ran(3, OTHER, fence=6).ran(5.9), "before it was due")

    def test_a_rollback_may_take_back_a_clock_that_stood_still(self):
        story = Starts().asked((OTHER, "ok"), at=1, confirmed=1.5, batch=1).set_clock(2, ahead=-HOUR).lost(2.2, lost_from=0)
        story.asked((JOB, "ok", {"delay": 5000}), at=2.5, confirmed=2.6, batch=2).set_clock(3)
        self.assert_good(story.ran(5.9))

    def test_a_retry_before_its_backoff_is_over_is_blamed(self):
        for start, good in ((3.28, True), (3.26, False)):
            story = Starts().asked((JOB, "flaky")).ran(3, how="threw", kind="retry", final=False).ran(start, fence=8)
            if good:
                self.assert_good(story)
            else:
                self.assert_blamed(story, "before the backoff of worker-1 fence 7 was over")

    def test_a_failure_that_a_fault_undid_has_no_backoff(self):
        story = Starts().asked((JOB, "flaky")).ran(3, how="threw", kind="retry", final=False).lost(3.255, lost_from=2)
        self.assert_good(story.ran(3.26, fence=8))


class ExpiryTest(Judgements):
    def expiring(self, at=4000):
        return Starts().asked((JOB, "flaky", {"expires_at": at}))

    def test_a_job_that_starts_in_time_is_good(self):
        story = self.expiring().ran(3.9)
        self.assert_good(story)
        self.assertEqual(story.history.counts["jobs that could expire, and ran"], 1)

    def test_a_lease_from_before_the_expiry_may_start_after_it(self):
        self.assert_good(self.expiring().ran(4.9))

    def test_a_job_that_starts_after_its_expiry_is_blamed(self):
        self.assert_blamed(self.expiring().ran(5.1), "got it 100 ms after its expiry")

    def test_a_clock_that_is_set_forwards_brings_the_expiry(self):
        self.assert_blamed(self.expiring(HOUR // 1_000_000).set_clock(2, ahead=HOUR).ran(3.5), "after its expiry")

    def test_a_lease_from_before_the_clock_was_set_is_good(self):
        self.assert_good(self.expiring().set_clock(3, ahead=HOUR).ran(3.5))

    def test_a_retry_may_start_after_the_expiry(self):
        story = self.expiring().ran(3.5, how="threw", kind="retry", final=False).ran(9, fence=8)
        self.assert_good(story)

    def test_a_job_that_expires_is_good(self):
        self.assert_good(self.expiring().final("expired"))

    def test_a_job_that_expires_without_being_told_to_is_blamed(self):
        self.assert_blamed(Starts().asked((JOB, "ok")).final("expired"), "nobody wanted that")

    def test_a_job_that_had_begun_does_not_expire(self):
        story = self.expiring().ran(3.5, how="threw", kind="retry", final=False).final("expired")
        self.assert_blamed(story, "had begun: worker-1 fence 7")


if __name__ == "__main__":
    unittest.main()
