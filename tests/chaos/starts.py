"""When a job may start: not before what it waits for has ended, nor before its time, nor, if it never has, after its expiry.

The times are the broker's, whose clock the run itself sets: what it can have shown counts. It never goes backwards, where
it is set back it stands still; but with the store that remembers it a rollback takes it back.
"""
import collections

MILLISECOND = 1_000_000
BLUR = 2 * MILLISECOND           # the broker counts in whole ones, and the orchestrator needs a moment to look at a clock
MAX_ATTEMPTS = 4                 # what the agents give their jobs
SHORTEST_BACKOFF = 25 * MILLISECOND   # of theirs: the first, less its jitter
CRASHES_OF_A_CONVICT = 3         # workers that a job must have taken with it before it is put into quarantine
REFUSALS = {"fenced", "unknown"}
FOREVER = float("inf")


class BrokerClock:
    """The wall clock that the broker looks at, in nanoseconds since 1970."""

    def __init__(self):
        self.settings = []

    def set(self, since, at, ahead):
        """It is `ahead` of the events' clock from `at` on, and since `since` it may have been."""
        self.settings.append((since, at, ahead))

    def spans(self):
        ends = [at for _, at, _ in self.settings[1:]] + [FOREVER]
        for i, (since, _, ahead) in enumerate(self.settings):
            yield since if i else -FOREVER, ends[i], ahead

    def earliest(self, first, last):
        """The least that it can have shown between these."""
        shown = [max(begin, first) + ahead for begin, end, ahead in self.spans() if begin <= last and end >= first]
        return min(shown, default=-FOREVER)

    def latest(self, by):
        """The most that it can have shown up to then."""
        return max((min(end, by) + ahead for begin, end, ahead in self.spans() if begin <= by), default=FOREVER)


class Terms:
    """What a producer said about when a job may start; times of the broker in milliseconds, 0: none. And about its payload."""

    def __init__(self, batch, after=(), delay=0, run_at=0, expires_at=0, bytes=None):
        self.batch, self.after, self.delay, self.bytes = batch, after, delay * MILLISECOND, bytes
        self.run_at, self.expires_at = run_at * MILLISECOND, expires_at * MILLISECOND


class Starts:
    """Judges the starts of a history."""

    def __init__(self, history):
        self.history, self.clock, self.counts = history, history.clock, collections.Counter()

    def judge(self):
        for job, runs in self.history.runs.items():
            terms = self.history.terms.get(job)
            if terms is None:
                continue
            runs = sorted(runs, key=lambda run: run.started)
            for run in runs:
                self.judge_after(job, run, terms)
                self.judge_time(job, run, terms)
            self.judge_backoff(job, runs)
            self.judge_expiry(job, runs, terms)
        self.history.counts.update(self.counts)

    def judge_after(self, job, run, terms):
        self.counts["runs after other jobs"] += bool(terms.after)
        self.counts["runs after jobs of other batches"] += any(self.history.terms[other].batch is not terms.batch for other in terms.after)
        for other in terms.after:
            if not self.can_be_final(other, run.started):
                self.history.blame(f"job {job}: {run} started before job {other} had ended, which it waits for")

    def judge_time(self, job, run, terms):
        if not terms.delay and not terms.run_at:
            return
        self.counts["runs at a time of their own"] += 1
        batch = terms.batch
        stored = self.least_time(batch.first_asked, min(run.started, batch.confirmed or FOREVER))
        self.judge_due(job, run, max(terms.run_at, stored + terms.delay), "it was due")

    def judge_backoff(self, job, runs):
        for failed in (run for run in runs if run.accepted and run.kind == "retry"):
            # A lease that was given before it failed is another one's fault, and is blamed as such.
            again = [run for run in runs if run.started >= failed.act[0] and run.fence > failed.fence
                     and not self.history.undone(failed.act, run.started, self.history.lease_faults)
                     and not self.history.grant_is_undone(run, failed.settled)]
            for run in again:
                self.judge_due(job, run, self.least_time(*failed.act) + SHORTEST_BACKOFF, f"the backoff of {failed} was over")

    def judge_due(self, job, run, due, what):
        early = due - self.clock.latest(run.started)
        if early > BLUR:
            self.history.blame(f"job {job}: {run} started {early // MILLISECOND} ms before {what}")

    def judge_expiry(self, job, runs, terms):
        """Of the first run: a retry, or one that its worker took with it, has begun."""
        if not terms.expires_at or not runs:
            return
        self.counts["jobs that could expire, and ran"] += 1
        late = self.least_time(*self.history.granted(runs[0])) - terms.expires_at
        if late > BLUR:
            self.history.blame(f"job {job}: {runs[0]} got it {late // MILLISECOND} ms after its expiry")

    def can_be_final(self, job, by):
        """Whether it can have ended by then in any way."""
        terms, runs = self.history.terms[job], [run for run in self.history.runs.get(job, ()) if run.started <= by]
        ended = [run.how for run in runs if run.ended and run.ended <= by and self.can_count(run)]
        convicted = self.history.names[job] == "poison" and len(runs) >= CRASHES_OF_A_CONVICT
        too_late = terms.expires_at and self.clock.latest(by) + BLUR >= terms.expires_at
        return "returned" in ended or ended.count("threw") >= MAX_ATTEMPTS or convicted or too_late

    def can_count(self, run):
        """It does not where it was refused; but what was accepted, unheard, and then undone is refused when it is repeated."""
        return run.verdict not in REFUSALS or self.history.undone(run.act, faults=self.history.lease_faults)

    def least_time(self, first, last):
        """The least that the broker's clock can have been between these: also what it had already been when it confirmed
        something that no fault has undone since."""
        shown = self.clock.earliest(first, last)
        if self.clock.latest(first) > shown:   # it was set back
            for batch in self.history.batches.values():
                act = batch.first_asked, batch.confirmed
                if batch.confirmed and batch.confirmed <= first and not self.history.undone(act, last):
                    shown = max(shown, self.clock.earliest(*act))
        return shown
