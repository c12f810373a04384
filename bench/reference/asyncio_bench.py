#!/usr/bin/env python3
"""The same operations of asyncio, by its own loop or by uvloop's.

  asyncio_bench.py [--uvloop] ROW COUNT     prints {"ns": processor time of one, "bytes": where it is a sleeping task}
"""
import asyncio
import json
import os
import random
import sys
import time

sys.dont_write_bytecode = True
from asyncio_timers import cancel, cancel_caught, nop, sleep_all, sleeping, timeouts


async def ready(value):
    return value


async def direct(count):
    for _ in range(count):
        await ready(1)


async def spawn_one(count):
    for _ in range(count):
        await asyncio.create_task(nop())


async def spawn_1000(count):
    for _ in range(count // 1000):
        for task in [asyncio.create_task(nop()) for _ in range(1000)]:
            await task


async def task_group(count):
    for _ in range(count):
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(nop())


async def spin(turns):
    for _ in range(turns):
        await asyncio.sleep(0)


async def among(tasks, count, work, *arguments):
    await asyncio.gather(*(work(*arguments, count // tasks) for _ in range(tasks)))


async def queue(size, count):
    items = asyncio.Queue(size)

    async def produce():
        for i in range(count):
            await items.put(i)

    producer = asyncio.create_task(produce())
    for _ in range(count):
        await items.get()
    await producer


async def lock_free(count):
    lock = asyncio.Lock()
    for _ in range(count):
        async with lock:
            pass


async def rival(lock, turns):
    for _ in range(turns):
        async with lock:
            await asyncio.sleep(0)


ROWS = {
    "direct": direct,
    "spawn_one": spawn_one,
    "spawn_1000": spawn_1000,
    "task_group": task_group,
    "yield_2": lambda count: among(2, count, spin),
    "yield_1000": lambda count: among(1000, count, spin),
    "sleeping": sleeping,
    "one_second": lambda count: sleep_all([1] * count),
    "random": lambda count: sleep_all([random.random() for _ in range(count)]),
    "cancel": cancel,
    "cancel_caught": cancel_caught,
    "timeout_0": lambda count: timeouts(0, count),
    "timeout_10000": lambda count: timeouts(10_000, count),
    "queue_1": lambda count: queue(1, count),
    "queue_1024": lambda count: queue(1024, count),
    "lock_free": lock_free,
    "lock_contended": lambda count: among(100, count, rival, asyncio.Lock()),
}


def main():
    arguments = sys.argv[1:]
    if arguments and arguments[0] == "--uvloop":
        import uvloop

        uvloop.install()
        arguments = arguments[1:]
    row, count = arguments[0], int(arguments[1])

    async def measured():
        before = time.process_time_ns()
        said = await ROWS[row](count) or {}
        took = said.get("took", time.process_time_ns() - before)
        print(json.dumps({"ns": took / count, "bytes": said.get("bytes", 0)}), flush=True)
        os._exit(0)  # what still sleeps need not be cancelled

    asyncio.run(measured())


main()
