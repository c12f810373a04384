"""RQ in make bench-queue: a worker that forks for each job (`fork`), or runs them itself (`simple`), in burst mode.

The contract stands in bench/bench-queue.
"""
import redis
import rq
from rq.job import Job

import python_job as job

KEEP_S = 86400


def no_op(text):
    return job.result(text)


def stamp(text):
    return job.stamp(text)


def work(connection, kind, burst):
    # Above ERROR: RQ logs each job, and the fastest log is none.
    make = {"fork": rq.Worker, "simple": rq.SimpleWorker}[kind]
    make([rq.Queue("bench", connection=connection)], connection=connection).work(burst=burst, logging_level="CRITICAL")


def main():
    port, mode, a, b = job.arguments()
    connection = redis.Redis(port=port)
    queue = rq.Queue("bench", connection=connection)

    def put_many(first, end):
        data = [
            rq.Queue.prepare_data("rq_bench.no_op", (job.payload(n),), result_ttl=KEEP_S) for n in range(first, end)
        ]
        return [each.id for each in queue.enqueue_many(data)]

    if mode in ("drain", "serve"):
        work(connection, a, mode == "drain")
    elif mode == "fill":
        job.fill(put_many, int(a), b)
    elif mode == "enqueue":
        single = job.rate(lambda n: queue.enqueue("rq_bench.no_op", job.payload(n), result_ttl=KEEP_S), float(a))
        bulk = job.rate(lambda n: put_many(n, n + job.BATCH), float(a), job.BATCH)
        job.say(single_per_s=single, bulk_per_s=bulk, bulk="enqueue_many(1000)")
    elif mode == "produce":
        job.produce(lambda text: queue.enqueue("rq_bench.stamp", text, result_ttl=KEEP_S), int(a), float(b))
    elif mode == "check":
        job.check(lambda each: Job.fetch(each, connection=connection).result, int(a), b)


if __name__ == "__main__":
    main()
