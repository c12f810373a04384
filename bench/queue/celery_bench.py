"""Celery in make bench-queue: prefork, acks_late, results in Redis. The contract stands in bench/bench-queue.

Broker in database 0 and results in database 1, so that the count of results is DBSIZE there. What costs time and that a
no-op job does not need is off: events, rate limits, gossip, remote control. Celery has no call that enqueues many; the
fastest that it has is apply_async with a producer that is kept.
"""
import celery
from celery.result import AsyncResult
from kombu.utils.uuid import uuid

import python_job as job

PORT, MODE, A, B = job.arguments()

app = celery.Celery("bench", broker=f"redis://127.0.0.1:{PORT}/0", backend=f"redis://127.0.0.1:{PORT}/1")
app.conf.update(
    task_acks_late=True,
    task_default_queue="bench",
    worker_prefetch_multiplier=64,  # measured: faster than the default of 4 for jobs that take no time
    worker_disable_rate_limits=True,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    result_expires=86400,
)


@app.task(name="no_op")
def no_op(text):
    return job.result(text)


@app.task(name="stamp")
def stamp(text):
    return job.stamp(text)


def work(concurrency):
    app.worker_main(
        ["worker", "--pool=prefork", f"--concurrency={concurrency}", "--loglevel=ERROR"]
        + ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    )


def main():
    if MODE in ("drain", "serve"):
        return work(int(A))
    with app.producer_or_acquire() as producer:

        def put_one(n):
            no_op.apply_async((job.payload(n),), producer=producer)

        def put_many(first, end):
            ids = [uuid() for _ in range(first, end)]
            for n, each in zip(range(first, end), ids):
                no_op.apply_async((job.payload(n),), producer=producer, task_id=each)
            return ids

        if MODE == "fill":
            job.fill(put_many, int(A), B)
        elif MODE == "enqueue":
            per_s = job.rate(put_one, float(A))
            job.say(single_per_s=per_s, bulk_per_s=per_s, bulk="none: one at a time")
        elif MODE == "produce":
            job.produce(lambda text: stamp.apply_async((text,), producer=producer), int(A), float(B))
        elif MODE == "check":
            job.check(lambda each: AsyncResult(each, app=app).get(timeout=5), int(A), B)


if __name__ == "__main__":
    main()
