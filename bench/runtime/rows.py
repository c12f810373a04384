"""The table: what is measured, beside what, and what is to be reached.

A reference is (program below build/release/bench/reference, its row, how many operations). An asyncio row is (row, how many
operations); uvloop has the same.
"""
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Row:
    key: str  # of our benchmark
    title: str
    operations: int = 1  # in one iteration of ours
    value: str = "ns"  # or "bytes"
    wall: bool = False  # by the wall's clock instead of the processor's
    cores: int = 1  # that it and its references run on
    asio: Optional[tuple] = None
    bare: Optional[tuple] = None
    bare_times: int = 1  # ours is compared with so many times the bare one
    python: Optional[tuple] = None
    own: Optional[tuple] = None  # (key of ours, times, plus ns): what else of ours it is compared with
    target_asio: Optional[float] = None
    target_bare: Optional[float] = None
    target_own: Optional[float] = None
    target: Optional[float] = None  # ns, or bytes, where the machine is quiet
    peer: str = ""  # the best that is known, from elsewhere
    grown: str = ""  # key of ours at ten times the size
    grown_operations: int = 1

    @property
    def id(self):
        return self.key + ("" if self.value == "ns" else f" {self.value}") + on(self.cores)


def on(cores):
    """Behind the name of what was measured on several cores."""
    return "" if cores == 1 else f" on {cores} cores"


SLEEP = "asio_timers"
MILLION = 1_000_000

ROWS = [
    Row("direct_await", "direct await", asio=("asio_tasks", "direct", 2_000_000), bare=("bare_await", "direct", 5_000_000),
        python=("direct", 300_000), target_asio=0.5, target_bare=2.2, target=14, peer="16 (libcoro)"),
    Row("spawn_join_one", "spawn + join one", asio=("asio_tasks", "spawn_one", 200_000), python=("spawn_one", 20_000),
        target_asio=0.2, target=60, peer="33 (TMC: no exceptions, no cancel), 102 (corral)"),
    Row("spawn_join/1000", "spawn 1000 + join, each", 1000, asio=("asio_tasks", "spawn_1000", 200_000),
        python=("spawn_1000", 40_000), target_asio=0.12, target=33, peer="31 (TMC), 33 (corral)",
        grown="spawn_join/10000", grown_operations=10_000),
    Row("yield_among/2", "yield, 2 tasks", 2, asio=("asio_tasks", "yield_2", 1_000_000), bare=("bare_yield", "2", 10_000_000),
        python=("yield_2", 100_000), target_asio=0.06, target_bare=2.7, target=8, peer="8.7 (corral)"),
    Row("yield_among/1000", "yield, 1000 tasks", 1000, asio=("asio_tasks", "yield_1000", 1_000_000),
        bare=("bare_yield", "1000", 10_000_000), python=("yield_1000", 50_000), target_asio=0.06, target_bare=2.7, target=8,
        peer="8.7 (corral)", grown="yield_among/10000", grown_operations=10_000),
    Row("sleeping_task/1000000", "sleeping task, bytes", value="bytes", asio=(SLEEP, "sleeping", MILLION),
        python=("sleeping", 100_000), target_asio=0.35, target=350, peer="504 (libcoro)"),
    Row("sleeping_task/100000", "of 100,000", value="bytes", grown="sleeping_task/1000000"),
    Row("sleeping_task/1000000", "sleeping task, create + arm", MILLION, asio=(SLEEP, "sleeping", MILLION),
        python=("sleeping", 100_000), target_asio=0.5, target=400, peer="559 (corral)"),
    Row("sleeping_task/100000", "of 100,000", 100_000, grown="sleeping_task/1000000", grown_operations=MILLION),
    Row("sleep_one_second/1000000", "sleeping task, create + wake", MILLION, asio=(SLEEP, "one_second", MILLION),
        python=("one_second", 100_000), target_asio=0.5, target=400),
    Row("sleep_one_second/100000", "of 100,000", 100_000, grown="sleep_one_second/1000000", grown_operations=MILLION),
    Row("random_timers/1000000", "1M random timers, each", MILLION, asio=(SLEEP, "random", MILLION),
        python=("random", 100_000), target_asio=0.5, target=1500, peer="2637 (TMC)"),
    Row("random_timers/100000", "100,000 random timers, each", 100_000, grown="random_timers/1000000",
        grown_operations=MILLION),
    Row("timeout_armed/0", "timeout armed, not expired", asio=(SLEEP, "timeout_0", 200_000), python=("timeout_0", 20_000)),
    Row("timeout_armed/10000", "the same, 10,000 timers pending", asio=(SLEEP, "timeout_10000", 200_000),
        python=("timeout_10000", 20_000), target_asio=0.5, target=80, grown="timeout_armed/100000"),
    Row("timeout_seen/10000", "the same, the loop looks meanwhile", 1000, asio=(SLEEP, "timeout_10000", 200_000),
        grown="timeout_seen/100000", grown_operations=1000),
    Row("cancel_by_destruction/1/100000", "cancel + join of 100,000, by destruction", 100_000, asio=(SLEEP, "cancel", 100_000),
        python=("cancel", 20_000), target_asio=0.5, target=350, peer="463 (corral)"),
    Row("cancel_by_destruction/1/10000", "of 10,000", 10_000, grown="cancel_by_destruction/1/100000", grown_operations=100_000),
    Row("cancel_by_exception/1/100000", "cancel + join of 100,000, by exception", 100_000, asio=(SLEEP, "cancel", 100_000),
        python=("cancel", 20_000)),
    Row("cancel_by_exception/1/10000", "of 10,000", 10_000, grown="cancel_by_exception/1/100000", grown_operations=100_000),
    Row("cancel_caught/3", "cancel, caught, cleaned up and thrown on in 3 frames", 1000, bare=("bare_throw", "3", 10_000),
        bare_times=3, python=("cancel_caught", 10_000), target_bare=1.3, grown="cancel_caught/30", grown_operations=10_000),
    Row("queue/1024", "queue, buffered", asio=("asio_sync", "queue_1024", 300_000), python=("queue_1024", 100_000),
        target_asio=0.03, target=10, peer="10.6 (corral)", grown="queue/10240"),
    Row("queue/1", "queue, rendezvous", asio=("asio_sync", "queue_1", 300_000), python=("queue_1", 50_000), target_asio=0.1,
        target=42, peer="44 (TMC)"),
    Row("lock_free", "mutex, free", asio=("asio_sync", "lock_free", 1_000_000), python=("lock_free", 200_000), target=3.2,
        peer="3.2 (corral)"),
    Row("lock_contended/100", "mutex, contended", 100, asio=("asio_sync", "lock_contended", 300_000),
        python=("lock_contended", 20_000), target_asio=0.06, target=25, peer="27 (corral)", grown="lock_contended/1000",
        grown_operations=1000),
    Row("lock_inherited/100", "mutex, contended, priorities inherited", 100, grown="lock_inherited/1000", grown_operations=1000),
    Row("task_group_of/10", "TaskGroup of 10", python=("task_group", 2000), own=("spawn_join/1000", 10, 100.0), target_own=1.0,
        grown="task_group_of/100", grown_operations=10),
    Row("return_through/1000", "return through 1000 levels, a level", 1000, wall=True, target=25,
        grown="return_through/10000", grown_operations=10_000),
    Row("cross_loop", "cross-loop round trip, one core", wall=True, asio=("asio_loops", "pingpong", 20_000),
        bare=("bare_eventfd", "epoll", 20_000), target_bare=1.2),
    Row("cross_loop", "cross-loop round trip, a core each", wall=True, cores=2, asio=("asio_loops", "pingpong", 20_000),
        bare=("bare_eventfd", "epoll", 20_000), target_bare=1.2),
    Row("cross_loop_without_linger", "the same, nobody lingers", wall=True, cores=2, asio=("asio_loops", "pingpong", 20_000),
        bare=("bare_eventfd", "epoll", 20_000), target_bare=1.2),
] + [
    Row(f"push_pop/{policy}/{size}", f"push + pop, {title}, {size} ready", target=target if size == 100_000 else None,
        grown=f"push_pop/{policy}/{size * 10}" if size == 1000 else "")
    for policy, title, target in [("fifo", "FIFO", None), ("priority", "priority", 60), ("aging", "priority with aging", None),
                                  ("weighted_round_robin", "WRR", 40), ("fair_share", "fair share", 80)]
    for size in (10, 1000, 100_000)
] + [
    Row(f"of_classes/{policy}/{classes}", f"push + pop, {title}, {classes} classes with 10 ready each",
        grown=f"of_classes/{policy}/{classes * 10}" if classes < 1000 else "")
    for policy, title in [("weighted_round_robin", "WRR"), ("fair_share", "fair share")]
    for classes in (10, 100, 1000)
]

# What the machine of the known figures needed, ns; `calibration` says how fast this one is beside it.
CALIBRATION = {
    "processor": (("calibration", "malloc", 5_000_000), 9.9),
    "memory": (("calibration", "heap", 1_000_000), 152.0),
    "kernel": (("calibration", "eventfd", 200_000), 538.0),
}
# reference -> (what bounds it, what was measured there, ns). One that is slower than 1.15 times that, for this machine, is a bad
# reference, and the run void. "pages": the time to touch fresh pages, which nobody measured there by itself, so that this
# machine counts as no faster. Python's loops ask epoll in each turn: the kernel bounds what takes a turn.
ALLOWED = 1.15
MEASURED_ELSEWHERE = {
    ("bare_await", "direct"): ("processor", 6.3),
    ("bare_yield", "2"): ("processor", 3.0),
    ("bare_yield", "1000"): ("processor", 3.0),
    ("asio_tasks", "direct"): ("processor", 29.0),
    ("asio_tasks", "spawn_one"): ("processor", 308.0),
    ("asio_tasks", "spawn_1000"): ("processor", 436.6),
    ("asio_tasks", "yield_2"): ("processor", 148.3),
    ("asio_timers", "sleeping"): ("pages", 729.7),
    ("asio_timers", "random"): ("pages", 3298.8),
    ("asio_timers", "cancel"): ("pages", 813.2),
    ("asio_sync", "queue_1024"): ("processor", 381.9),
    ("asio_sync", "queue_1"): ("processor", 401.2),
    ("asio_sync", "lock_contended"): ("processor", 522.4),
    ("asio_sync", "lock_free"): ("processor", 107.1),
    ("asyncio", "direct"): ("processor", 118.0),
    ("asyncio", "spawn_one"): ("kernel", 5956.0),
    ("asyncio", "spawn_1000"): ("processor", 2433.0),
    ("asyncio", "yield_2"): ("kernel", 1791.0),
    ("asyncio", "sleeping"): ("pages", 13018.0),
    ("asyncio", "random"): ("pages", 26668.0),
    ("asyncio", "cancel"): ("pages", 4352.0),
    ("asyncio", "queue_1024"): ("processor", 771.0),
    ("asyncio", "queue_1"): ("kernel", 7363.0),
    ("asyncio", "lock_contended"): ("kernel", 6616.0),
    ("asyncio", "lock_free"): ("processor", 423.0),
    ("uvloop", "direct"): ("processor", 124.0),
    ("uvloop", "spawn_one"): ("kernel", 3303.0),
    ("uvloop", "spawn_1000"): ("processor", 2337.0),
    ("uvloop", "yield_2"): ("kernel", 873.0),
    ("uvloop", "sleeping"): ("pages", 12619.0),
    ("uvloop", "random"): ("pages", 24075.0),
    ("uvloop", "cancel"): ("pages", 3210.0),
    ("uvloop", "queue_1024"): ("processor", 694.0),
    ("uvloop", "queue_1"): ("kernel", 4255.0),
    ("uvloop", "lock_contended"): ("kernel", 4076.0),
    ("uvloop", "lock_free"): ("processor", 441.0),
}
