"""What was asked for is there, as a whole, once it was confirmed, but for what a fault may have taken."""


class Enqueues:
    """Judges the batches of a history."""

    def __init__(self, history):
        self.history = history

    def judge(self, states):
        for (who, number), batch in self.history.batches.items():
            at_once = self.history.at_once or len(batch.jobs)
            for first in range(0, len(batch.jobs), at_once):
                self.judge_part(f"{who}: batch {number}", batch, batch.jobs[first:first + at_once], states)

        for who, number, at, why in self.history.refused:
            self.judge_refusal(f"{who}: batch {number}", self.history.batches[who, number], at, why)

    def judge_refusal(self, name, batch, at, why):
        """Who waits for a job that is gone is refused. Which job that is the judge does not read in the refusal."""
        history = self.history
        others = {history.terms[other].batch for job in batch.jobs for other in history.terms[job].after} - {batch}
        if any(history.undone((other.asked, other.confirmed), at) for other in others):
            history.counts["batches refused, for what they wait for had vanished"] += 1
        else:
            history.blame(f"{name} was refused: {why}")

    def judge_part(self, name, batch, jobs, states):
        """Jobs of a batch that are applied together, or not at all."""
        history, there = self.history, sum(job in states for job in jobs)
        if there not in (0, len(jobs)):
            history.blame(f"{name}: of {len(jobs)} jobs that belong together {there} are there: it was torn")
        if batch.confirmed is None:
            history.counts["there without a confirmation"] += there
            return
        undone = history.undone((batch.asked, batch.confirmed))
        if not undone:
            history.counts["confirmed, and no fault may undo it"] += len(jobs)
        if there == 0 and undone:
            history.counts["vanished within a fault's window"] += len(jobs)
        elif there == 0:
            history.blame(f"{name} was lost, job {jobs[0]} and {len(jobs) - 1} more: confirmed, and no fault can have undone it")
