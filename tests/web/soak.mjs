// A page that stays open: its heap must not grow in SECONDS, 1800 by default, after its charts are full; tests/web/web_test.sh soak runs it.
import { makeWorld, launch, tab } from './world.mjs';

const seconds = Number(process.env.SECONDS || 1800);
const most = 1.1;
// By then the charts of five minutes are full.
const warm = Math.min(320, seconds / 3);
const paths = ['/', '/jobs', '/queues?queue=images', '/live', '/workers'];

const world = await makeWorld({ calm: true });
const browser = await launch();
const problems = [];
try {
  const pages = [];
  for (const path of paths) {
    // Each in a context of its own: a tab that is not in front would stop.
    const context = await browser.newContext();
    const page = await tab(context, world.url, problems);
    await page.goto(world.url + path);
    const session = await context.newCDPSession(page);
    await session.send('HeapProfiler.enable');
    pages.push({ path, session, first: 0, last: 0 });
  }
  const heap = async ({ session }) => {
    for (let turn = 0; turn < 3; turn++) await session.send('HeapProfiler.collectGarbage');
    return (await session.send('Runtime.getHeapUsage')).usedSize;
  };
  const begin = Date.now();
  const gone = () => (Date.now() - begin) / 1000;
  while (gone() < warm + seconds) {
    await new Promise((done) => setTimeout(done, Math.min(30, seconds / 10) * 1000));
    for (const page of pages) {
      page.last = await heap(page);
      if (!page.first && gone() >= warm) page.first = page.last;
    }
    console.log(`${Math.round(gone())} s: ${pages.map((page) => `${page.path} ${(page.last / 1024).toFixed(0)} kB`).join(', ')}`);
  }
  for (const page of pages) {
    const grown = page.last / page.first;
    console.log(`${page.path}: ${((grown - 1) * 100).toFixed(1)} % more than after ${Math.round(warm)} s`);
    if (grown > most) problems.push(`${page.path} has grown by more than 10 %`);
  }
} finally {
  await browser.close();
  await world.stop();
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length ? 1 : 0;
