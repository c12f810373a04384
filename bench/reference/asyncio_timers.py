"""Of asyncio's operations those with timers, cancels and timeouts; see asyncio_bench.py."""
import asyncio
import time


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


async def nop():
    pass


async def sleeping(count):
    before = resident_bytes()
    tasks = [asyncio.create_task(asyncio.sleep(1000)) for _ in range(count)]
    await asyncio.sleep(0)
    return {"tasks": tasks, "bytes": (resident_bytes() - before) / count}


async def sleep_all(delays):
    await asyncio.gather(*(asyncio.create_task(asyncio.sleep(delay)) for delay in delays))


async def cancel_and_join(tasks):
    before = time.process_time_ns()
    for task in tasks:
        task.cancel()
    for task in tasks:
        try:
            await task
        except asyncio.CancelledError:
            pass
    return {"took": time.process_time_ns() - before}


async def cancel(count):
    tasks = (await sleeping(count))["tasks"]
    return await cancel_and_join(tasks)


async def below(frames):
    try:
        await (below(frames - 1) if frames > 1 else asyncio.sleep(1000))
    except asyncio.CancelledError:
        raise


async def cancel_caught(count):
    tasks = [asyncio.create_task(below(3)) for _ in range(count)]
    await asyncio.sleep(0)
    return await cancel_and_join(tasks)


async def timeouts(pending, count):
    kept = (await sleeping(pending))["tasks"] if pending else []
    before = time.process_time_ns()
    for _ in range(count):
        async with asyncio.timeout(10):
            await nop()
    return {"took": time.process_time_ns() - before, "tasks": kept}
