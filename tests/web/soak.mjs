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
    pages.push({ path, session, samples: [] });
  }
  // V8 compiles what runs often, when it thinks best: up to 150 kB at once, late where a page seldom draws. It is
  // counted apart, for it would hide what a page keeps, or look like it.
  const compiled = async (session) => {
    const chunks = [];
    const add = ({ chunk }) => chunks.push(chunk);
    session.on('HeapProfiler.addHeapSnapshotChunk', add);
    await session.send('HeapProfiler.takeHeapSnapshot', {});
    session.off('HeapProfiler.addHeapSnapshotChunk', add);
    const { snapshot: { meta }, nodes } = JSON.parse(chunks.join(''));
    const [type, size] = ['type', 'self_size'].map((name) => meta.node_fields.indexOf(name));
    const code = meta.node_types[type].indexOf('code');
    let sum = 0;
    for (let node = 0; node < nodes.length; node += meta.node_fields.length)
      if (nodes[node + type] === code) sum += nodes[node + size];
    return sum;
  };
  const heap = async ({ session }) => {
    for (let turn = 0; turn < 3; turn++) await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    const code = await compiled(session);
    return { all: usedSize, data: usedSize - code };
  };
  const begin = Date.now();
  const gone = () => (Date.now() - begin) / 1000;
  while (gone() < warm + seconds) {
    await new Promise((done) => setTimeout(done, Math.min(30, seconds / 10) * 1000));
    for (const page of pages) page.samples.push({ at: gone(), ...await heap(page) });
    const sizes = ({ path, samples }) => `${path} ${['data', 'all'].map((what) => (samples.at(-1)[what] / 1024).toFixed(0)).join(' ')}`;
    console.log(`${Math.round(gone())} s, data and all in kB: ${pages.map(sizes).join(', ')}`);
  }
  // What a page has just asked for may be there twice: the least of three counts.
  const least = (samples, what) => Math.min(...samples.map((sample) => sample[what]));
  for (const { path, samples } of pages) {
    const first = samples.filter(({ at }) => at >= warm).slice(0, 3);
    const grown = (what) => least(samples.slice(-3), what) / least(first, what);
    const more = (what) => `${((grown(what) - 1) * 100).toFixed(1)} %`;
    console.log(`${path}: ${more('data')} more than after ${Math.round(warm)} s, ${more('all')} with compiled code`);
    if (grown('data') > most) problems.push(`${path} has grown by more than 10 %`);
  }
} finally {
  await browser.close();
  await world.stop();
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length ? 1 : 0;
