// BullMQ in make bench-queue. The contract stands in bench/bench-queue.
//
// Jobs stay when they are completed, with their result (BullMQ's default), so that it can be read. Of its two ways to put
// many jobs both are measured, addBulk and a hundred add() at a time, and the faster one is reported. $BENCH_NPM is the
// folder where npm put bullmq and ioredis.
//
//   node bullmq_bench.mjs PORT MODE A [B]
import { openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';

const { Queue, Worker } = createRequire(`${process.env.BENCH_NPM}/`)('bullmq');
const [port, mode, a, b] = process.argv.slice(2);
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };
const BATCH = 1000;
const SAMPLE = 1000;
const AT_A_TIME = 100;

const payload = (number) => String(number).padStart(12, '0').padEnd(198, 'x');
const result = (text) => text.slice(0, 12).padEnd(98, 'y');
const say = (fields) => console.log(JSON.stringify(fields));
const seconds = () => Number(process.hrtime.bigint()) / 1e9;

// CLOCK_REALTIME in nanoseconds. Date.now() has but milliseconds: where it ticks, the fine clock is set by it.
const offset = (() => {
  const before = Date.now();
  while (Date.now() === before);
  return BigInt(Date.now()) * 1000000n - process.hrtime.bigint();
})();
const wall = () => process.hrtime.bigint() + offset;

const latencies = process.env.BENCH_LATENCIES ? openSync(process.env.BENCH_LATENCIES, 'a') : -1;

async function handle(job) {
  const text = job.data.text;
  if (job.name === 'stamp') {
    const now = wall();
    writeSync(latencies, `${text.slice(0, 12)} ${now - BigInt(text.slice(13, 33))}\n`);
  }
  return result(text);
}

const one = (number) => ({ name: 'no_op', data: { text: payload(number) } });
const many = (first, end) => Array.from({ length: end - first }, (_, i) => one(first + i));

async function fill(queue, count, idsFile) {
  const ids = [];
  const start = seconds();
  for (let first = 0; first < count; first += BATCH) {
    const jobs = await queue.addBulk(many(first, Math.min(count, first + BATCH)));
    for (const job of jobs) ids.push(job.id);
  }
  say({ jobs: count, seconds: seconds() - start });
  writeFileSync(idsFile, ids.map((id) => `${id}\n`).join(''));
}

async function rate(limit, atATime, call) {
  const start = seconds();
  let done = 0;
  let spent = 0;
  while (spent < limit) {
    await call(done);
    done += atATime;
    spent = seconds() - start;
  }
  return Math.round((done / spent) * 10) / 10;
}

async function enqueue(queue, limit) {
  const single = await rate(limit, 1, (n) => queue.add('no_op', { text: payload(n) }));
  const bulk = await rate(limit, BATCH, (n) => queue.addBulk(many(n, n + BATCH)));
  const beside = await rate(limit, AT_A_TIME, (n) =>
    Promise.all(many(n, n + AT_A_TIME).map((job) => queue.add(job.name, job.data))));
  const how = bulk >= beside ? `addBulk(${BATCH})` : `${AT_A_TIME} add() at a time`;
  say({ single_per_s: single, bulk_per_s: Math.max(bulk, beside), bulk: how });
}

// Jobs at fixed times. The first goes ahead alone: the worker is there when it has come through.
async function produce(queue, count, perS) {
  let due = seconds();
  for (let number = 0; number < count; number += 1) {
    const wait = due - seconds();
    if (wait > 0) await pause(wait * 1000);
    const text = `${String(number).padStart(12, '0')} ${String(wall()).padStart(20, '0')}`.padEnd(198, 'x');
    await queue.add('stamp', { text });
    due += 1 / perS;
    if (number > 0) continue;
    while (statSync(process.env.BENCH_LATENCIES).size === 0) await pause(10);
    due = seconds() + 1 / perS;
  }
  say({ sent: count });
}

async function check(queue, count, idsFile) {
  const ids = readFileSync(idsFile, 'utf8').split('\n');
  let looked = 0;
  let right = 0;
  for (let number = 0; number < count; number += Math.max(1, Math.ceil(count / SAMPLE))) {
    const job = await queue.getJob(ids[number]);
    looked += 1;
    if (job && job.returnvalue === result(payload(number))) right += 1;
  }
  say({ looked, right });
}

async function main() {
  if (mode === 'drain' || mode === 'serve') {
    const worker = new Worker('bench', handle, { connection, concurrency: Number(a) });
    worker.on('error', (error) => console.error(String(error)));
    return;
  }
  const queue = new Queue('bench', { connection });
  if (mode === 'fill') await fill(queue, Number(a), b);
  else if (mode === 'enqueue') await enqueue(queue, Number(a));
  else if (mode === 'produce') await produce(queue, Number(a), Number(b));
  else if (mode === 'check') await check(queue, Number(a), b);
  else throw new Error(`unknown mode '${mode}'`);
  await queue.close();
}

main().catch((error) => {
  console.error(`bullmq_bench.mjs: ${error.stack ?? error}`);
  process.exit(1);
});
