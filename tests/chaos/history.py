#!/usr/bin/env python3
"""Judges the history of a chaos run by the queue's promises. Knows nothing of the queue's code.

    history.py FOLDER        reads FOLDER/*.jsonl; exit 1 when a promise was broken

FOLDER holds a file for each process, a line of JSON for each event (`t`: nanoseconds of one clock that all processes
share), and finals.jsonl: the jobs as the broker lists them at the end, one a line. Events:

    producers      asked {batch, jobs: [[id, name, terms], ...]}   before a call; confirmed, unknown or refused {batch} after
                   it. terms {after, delay, run_at, expires_at}: when it may start, see starts.py;
                   bytes: of its payload
    workers        started {id, fence, name}, blocked {id, fence}, ended {id, fence, how, filling}, settled {id, fence, how,
                   verdict}. filling: bytes that its result has for no reason but its length; `got` there: those of the payload
    orchestrator   fault {kind, lost_from}   the store forgot what it was told between lost_from and t, or a part of it;
                   null: it may not have forgotten anything. leases_from: the same for leases, where these are less
                   durable than what was confirmed. two: all the while two servers may have answered, so what one was told may
                   contradict the other before t
                   clock {since, ahead}   the broker's clock was set, between since and t, to be so many nanoseconds ahead of
                   the events'
                   whole {jobs}: of a batch so many at a time are there as a whole or not at all; else all are
                full_memory {since}   from then on, until t, the store's memory may have been full
                   count {what}, exit {process, code, expected}, lease {ns}, minimum {counts}

An act is known by two times between which it happened: when it was asked for and when it was confirmed. A fault may
have undone it where the act can lie between `lost_from` and the fault. What no fault can have undone must stand.
"""
import collections
import json
import os
import sys

from enqueues import Enqueues
from starts import CRASHES_OF_A_CONVICT, MAX_ATTEMPTS, BrokerClock, Starts, Terms

FINAL = {"done", "dead", "cancelled", "expired"}
# How a run has ended of which this is reported.
ENDS = {"done": ["returned"], "retry": ["threw"], "give_back": ["lost", "cancelled"], "dead": [], "cancelled": []}
LONG, LONG_BATCH = 4096, 64   # longer bodies have a place of their own; more jobs at a time are several scripts
# What happens to one process, or must not matter, and keeps no other from its broker.
OTHERS_AFFAIRS = ["workers killed", "producers killed", "steps of the workers' clock"]
# In an hour and a half of runs, some beside builds, none was of 241.
BLOCKED_OF_WHICH_ONE_MAY_BE_FENCED = 20


class Run:
    """One start of a job's handler."""

    def __init__(self, who, event):
        self.who, self.fence, self.started = who, event["fence"], event["t"]
        self.clock = event.get("clock", event["t"])
        self.ended, self.how, self.filling, self.blocked = None, None, 0, False
        self.settled, self.kind, self.verdict = None, None, None

    @property
    def accepted(self):
        """The broker said that the job's end is this run's, for the first time or again: a worker takes both for the same."""
        return self.verdict in ("accepted", "already_accepted")

    @property
    def act(self):
        """Between these the broker accepted its settlement, if it did."""
        return (self.ended or self.started), self.settled

    def __str__(self):
        return f"{self.who} fence {self.fence}"


class Batch:
    def __init__(self, jobs):
        self.jobs, self.first_asked, self.asked, self.confirmed = jobs, None, None, None


class History:
    def __init__(self):
        self.batches, self.runs, self.faults, self.lease_faults = {}, collections.defaultdict(list), [], []
        self.counts, self.minimum, self.maximum, self.violations = collections.Counter(), {}, {}, []
        self.names, self.terms, self.clock, self.lease = {}, {}, BrokerClock(), 0
        self.at_once, self.full_memory, self.refused = None, [], []
        self.disturbances = []   # when, and whose; None: everybody's

    # --- reading ----------------------------------------------------------------------------------------------------

    def add(self, who, event):
        handler = getattr(self, "on_" + event["e"], None)
        if handler:
            handler(who, event)

    def on_asked(self, who, event):
        batch = self.batches.setdefault((who, event["batch"]), Batch([job[0] for job in event["jobs"]]))
        if batch.asked is None:
            self.counts["asked"] += len(batch.jobs)
            batch.first_asked = event["t"]
        batch.asked = event["t"]
        for job, name, *terms in event["jobs"]:
            self.names[job] = name
            self.terms[job] = Terms(batch, **terms[0] if terms else {})

    def on_confirmed(self, who, event):
        batch = self.batches[who, event["batch"]]
        batch.confirmed = event["t"]
        self.counts["confirmed"] += len(batch.jobs)
        self.counts["long batches"] += len(batch.jobs) > LONG_BATCH

    def on_unknown(self, who, event):
        self.counts["calls without an answer"] += 1
        if "memory is full" in event.get("why", ""):
            self.counts["calls refused for full memory"] += 1

    def on_refused(self, who, event):
        self.refused.append((who, event["batch"], event["t"], event.get("why")))

    def on_started(self, who, event):
        self.counts["started"] += 1
        self.counts["started by a clock that was older than a lease"] += event["t"] - event.get("clock", event["t"]) > self.lease > 0
        self.runs[event["id"]].append(Run(who, event))

    def open_runs(self, who, event):
        """Several after a rollback, when the same worker was given the same job with the same fence again."""
        return [run for run in self.runs[event["id"]]
                if run.who == who and run.fence == event["fence"] and run.settled is None]

    def on_blocked(self, who, event):
        self.counts["loops blocked"] += 1
        for run in self.open_runs(who, event):
            run.blocked = True

    def on_ended(self, who, event):
        run = next((run for run in self.open_runs(who, event) if run.ended is None), None)
        if run is None:
            self.blame(f"{who}: job {event['id']} ended that it had not started")
            return
        run.ended, run.how, run.filling = event["t"], event["how"], event.get("filling", 0)
        self.counts["leases lost in a run"] += run.how == "lost"

    def on_settled(self, who, event):
        self.counts["fencings"] += event["verdict"] == "fenced"
        open_runs = self.open_runs(who, event)
        run = next((run for run in open_runs if run.how in ENDS[event["how"]]), open_runs[0] if open_runs else None)
        if run:
            run.settled, run.kind, run.verdict = event["t"], event["how"], event["verdict"]

    def on_fault(self, who, event):
        self.counts[event["kind"]] += 1
        self.disturbances.append((event["t"], None))
        leases_from = event.get("leases_from", event["lost_from"])
        seen_from = leases_from if event.get("two") else event["t"]
        if leases_from is not None:
            longest = f"ms, the longest window of {event['kind']}"
            self.counts[longest] = max(self.counts[longest], (event["t"] - leases_from) // 1_000_000)
            self.lease_faults.append((leases_from, event["t"], seen_from))
        if event["lost_from"] is not None:
            self.faults.append((event["lost_from"], event["t"], seen_from))

    def on_count(self, who, event):
        self.counts[event["what"]] += 1
        if event["what"] not in OTHERS_AFFAIRS:
            self.disturbances.append((event["t"], event.get("process")))

    def on_exit(self, who, event):
        self.counts["processes killed"] += event["code"] == -9
        if not event["expected"]:
            self.blame(f"{event['process']} ended by itself, code {event['code']}: see its .log")

    def on_clock(self, who, event):
        self.clock.set(event["since"], event["t"], event["ahead"])

    def on_whole(self, who, event):
        self.at_once = event["jobs"]

    def on_full_memory(self, who, event):
        self.full_memory.append((event["since"], event["t"]))

    def on_minimum(self, who, event):
        self.minimum = event["counts"]

    def on_lease(self, who, event):
        self.lease = event["ns"]

    def blame(self, text):
        self.violations.append(text)

    def figures(self):
        """What was counted, a line each, with what it must or may be."""
        for what, count in sorted(self.counts.items()):
            least = f" (at least {self.minimum[what]})" if what in self.minimum else ""
            most = f" (at most {self.maximum[what]})" if what in self.maximum else ""
            yield f"{count:10,}  {what}{least}{most}"

    # --- judging ----------------------------------------------------------------------------------------------------

    def undone(self, act, by=float("inf"), faults=None):
        """Whether a fault that could be seen by then can have undone what happened within `act`."""
        return any(lost_from <= act[1] and act[0] <= at and seen_from <= by
                   for lost_from, at, seen_from in (self.faults if faults is None else faults))

    def granted(self, run):
        """The broker gave it its lease between these: by its own clock the worker acts on no lease that is over."""
        return min(run.clock, run.started) - self.lease, run.started

    def grant_is_undone(self, run, by):
        return self.undone(self.granted(run), by, self.lease_faults)

    def granted_by_one_of_two(self, run):
        """By a server beside which there may have been another, which knew more."""
        first, last = self.granted(run)
        return any(begin <= last and first <= at and seen_from < at for begin, at, seen_from in self.lease_faults)

    def judge(self, finals):
        states = {}
        for job in finals:
            if job["id"] in states:
                self.blame(f"job {job['id']} is listed twice")
            states[job["id"]] = job
        for job in states.values():
            if job["id"] not in self.names:
                self.blame(f"job {job['id']} was never asked for")
            elif job["state"] not in FINAL:
                self.blame(f"job {job['id']} ({job['name']}) has not ended: {job['state']}")
            else:
                self.judge_end(job, self.runs[job["id"]])
        Enqueues(self).judge(states)
        for job, runs in self.runs.items():
            self.judge_runs(job, runs)
        Starts(self).judge()
        self.judge_blocked()
        for what, least in self.minimum.items():
            if self.counts[what] < least:
                self.blame(f"the run proves nothing: {self.counts[what]} {what}, the minimum is {least}")

    def judge_end(self, job, runs):
        state, name = job["state"], self.names[job["id"]]
        error = (job.get("error") or {}).get("type", "")
        text = f"job {job['id']} ({name}) is {state}"
        self.counts[state] += 1
        payload = job.get("payload") or ""
        if self.terms[job["id"]].bytes not in (None, len(payload)):
            self.blame(f"{text}, with a payload of {len(payload)} bytes, asked for with {self.terms[job['id']].bytes}")
        standing = [run for run in runs if run.accepted and run.kind == "done" and not self.undone(run.act)]
        if standing and state != "done":
            self.blame(f"{text}, and was confirmed as done by {standing[0]}")
        if state == "done":
            self.judge_result(job, text, runs, standing)
        elif state == "dead" and error == "quarantine":
            self.counts["quarantines"] += 1
            crashed = sum(not run.accepted for run in runs)
            if name != "poison" or crashed < CRASHES_OF_A_CONVICT:
                self.blame(f"{text} by quarantine, innocent: {crashed} of its runs were lost")
        elif state == "dead":
            threw = sum(run.how == "threw" for run in runs)
            if name != "flaky" or threw < MAX_ATTEMPTS:
                self.blame(f"{text} ({error}), and failed only {threw} times")
        elif state == "expired":
            self.judge_expired(text, runs, self.terms[job["id"]])
        else:
            self.blame(f"{text}, and nobody wanted that")

    def judge_result(self, job, text, runs, standing):
        result, returned = job.get("result") or {}, [run for run in runs if run.how == "returned"]
        if (job.get("error") or {}).get("type") == "result dropped":
            self.counts["results dropped at full memory"] += 1
            source = [run for run in returned if run.filling and self.memory_was_full(run)]
        else:
            source = [run for run in returned if run.fence == result.get("fence") and run.who == f"worker-{result.get('by')}"
                      and run.filling == len(result.get("filling", "")) and self.terms[job["id"]].bytes in (None, result.get("got"))]
            self.counts["long results"] += len(result.get("filling", "")) > LONG
            self.counts["long payloads"] += result.get("got", 0) > LONG
        if not source:
            self.blame(f"{text}, with a result that no run returned: {str(job.get('result'))[:200]}")
        elif standing and standing[0] not in source:
            self.blame(f"{text}, confirmed by {standing[0]}, with the result of {source[0]}")

    def memory_was_full(self, run):
        asked, heard = run.act
        return any(since <= (heard or float("inf")) and asked <= until for since, until in self.full_memory)

    def judge_expired(self, text, runs, terms):
        begun = [run for run in runs if run.accepted and run.kind == "retry" and not self.undone(run.act)]
        if not terms.expires_at:
            self.blame(f"{text}, and nobody wanted that")
        elif begun:
            self.blame(f"{text}, and had begun: {begun[0]}")

    def judge_runs(self, job, runs):
        failures = sum(run.accepted and run.kind == "retry" for run in runs)
        self.counts["duplicates"] += max(0, len(runs) - failures - 1)
        self.counts["returned twice or more"] += sum(run.how == "returned" for run in runs) > 1
        accepted = sorted((run for run in runs if run.accepted), key=lambda run: run.settled)
        for i, first in enumerate(accepted):
            for second in accepted[i + 1:]:
                after_done = first.kind == "done" and second.act[0] >= first.settled
                # Whose reply came first need not have been the first.
                one_is_undone = self.undone(first.act, second.settled) or self.undone(second.act, first.settled)
                if (first.kind == second.kind == "done" or after_done) and not one_is_undone:
                    self.blame(f"job {job} was confirmed as done by {first}, and then {second.kind} by {second}")
        for run in accepted:
            for newer in runs:
                if newer.fence <= run.fence or newer.started > run.act[0]:
                    continue
                if not self.grant_is_undone(newer, run.settled):
                    self.blame(f"job {job}: {run} was fenced by {newer}, and its '{run.kind}' was accepted")
        self.judge_again(job, runs)
        first_of = {}
        for run in sorted(runs, key=lambda run: run.started):
            first = first_of.setdefault(run.fence, run)
            undone = self.grant_is_undone(first, run.started) or self.grant_is_undone(run, first.started)
            if first is not run and not undone:
                self.blame(f"job {job}: {first} and {run} had the same fence")

    def judge_again(self, job, runs):
        """What is done is given to nobody more, whether or not he is heard. A lease from before that may start after it."""
        ends = sorted((run for run in runs if run.accepted and run.kind == "done"), key=lambda run: run.settled)
        for again in runs:
            known = (end for end in ends if end.settled < self.granted(again)[0] and not self.undone(end.act, again.started))
            end = next(known, None)
            if end and not self.granted_by_one_of_two(again):
                self.blame(f"job {job} was confirmed as done by {end}, and then given to {again}")

    def judge_blocked(self):
        """A loop that is blocked keeps its leases, if nothing else comes between: neither a fault nor a machine that has no
        time left, as far as that was seen. One in twenty may be lost all the same, and none of fewer."""
        kept = fenced = 0
        for run in (run for runs in self.runs.values() for run in runs if run.blocked and run.settled):
            since = run.started - 5 * self.lease   # so long a worker may have been stopped
            if not any(since <= at <= run.settled and whose in (None, run.who) for at, whose in self.disturbances):
                kept += run.verdict != "fenced"
                fenced += run.verdict == "fenced"
        self.counts["loops blocked, and nothing else"] = kept + fenced
        self.counts["loops blocked, and nothing else, and fenced"] = fenced
        most = (kept + fenced) // BLOCKED_OF_WHICH_ONE_MAY_BE_FENCED
        self.maximum["loops blocked, and nothing else, and fenced"] = most
        if fenced > most:
            self.blame(f"of {kept + fenced} runs that did nothing but block their loop {fenced} were fenced, at most {most} may "
                       "be: nobody kept their leases")


def read_lines(path):
    """A last line without an end was being written when its process was killed."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def read(folder):
    history, finals = History(), []
    for name in sorted(os.listdir(folder)):
        who, extension = os.path.splitext(name)
        if extension != ".jsonl":
            continue
        lines = read_lines(os.path.join(folder, name))
        if who == "finals":
            finals = list(lines)
            continue
        for event in lines:
            history.add(who, event)
    return history, finals


def fencings(folder):
    """So far: lines that are still being written do not count."""
    count = 0
    for name in os.listdir(folder):
        if name.startswith("worker-") and name.endswith(".jsonl"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                count += file.read().count('"verdict":"fenced"')
    return count


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    history, finals = read(sys.argv[1])
    history.judge(finals)
    for line in history.figures():
        print(line)
    for violation in history.violations:
        print(f"VIOLATION: {violation}")
    return 1 if history.violations else 0


if __name__ == "__main__":
    sys.exit(main())
