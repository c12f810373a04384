// Texts that would like to be markup, wherever somebody else has the word: what is enqueued, what workers and their
// tasks are called, what an address says, what an answer could say. On the page they are text, to the letter.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { ask, visit, settled, seen, eventually } from './world.mjs';
import { withTab, useWorld } from './suite.mjs';

/** As in web_agent.cpp. */
const corpus = [
  '<img src=x onerror="window.__xss=1">', '<script>window.__xss=2</script>', '"><svg onload=window.__xss=3>', 'javascript:window.__xss=4',
  "'-alert(1)-' ${window.__xss=5} {{7*7}}", '</title><iframe srcdoc="<script>parent.__xss=6</script>">',
];
const encoded = encodeURIComponent;

/** It stands on the page, and nothing has come of it. */
async function isText(page, words, what) {
  for (const text of words) await page.waitForFunction((it) => document.querySelector('#app')?.textContent.includes(it), text).catch((error) => assert.fail(`${what}: ${text} is not there: ${error}`));
  assert.equal(await page.evaluate(() => window.__xss), undefined, what);
  assert.equal(await page.locator('#app :is(img, iframe, script, svg[onload]), a[href^="javascript" i], [onerror], [onload]').count(), 0, what);
}

for (const kind of ['sqlite', 'redis']) {
  describe(`on ${kind}`, () => {
    const world = useWorld({ kind });

    test('names of jobs and queues are text on the lists', async () => {
      await withTab(world, {}, async (page) => {
        for (const path of ['/', '/queues', '/jobs?filter=' + encoded('state:done __xss'), '/dead?filter=__xss']) {
          await page.goto(world.url + path);
          await isText(page, corpus, path);
        }
        for (const text of corpus) {
          await visit(page, '/queues?queue=' + encoded(text));
          await page.locator('h2.of-queue', { hasText: text }).waitFor();
          await isText(page, corpus, text);
        }
      });
    });

    test('arguments, results, errors, and headers with their names, are text on a job', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/');
        await settled(page);
        for (const state of ['dead', 'done']) {
          const { jobs } = await ask(world, '/jobs?filter=' + encoded(`state:${state} __xss`) + '&limit=200');
          assert.equal(jobs.length, corpus.length);
          for (const { id, name } of jobs) {
            const job = await ask(world, '/jobs/' + id);
            await visit(page, '/jobs/' + id);
            const header = Object.entries(job.headers).flat();
            assert.equal(header.length, state === 'dead' ? 4 : 0);
            await isText(page, [id, name, job.queue, job.args, ...header, job.error ? job.error.message : job.result], `${state} ${job.queue}`);
            if (state === 'dead') assert.deepEqual((await page.locator('.details dt').allTextContents()).filter((word) => word === job.queue), [job.queue]);
          }
        }
      });
    });

    test('workers, tasks and what they wait for have names that are text', async () => {
      await withTab(world, {}, async (page) => {
        await eventually(async () => (await ask(world, '/workers')).workers.length === corpus.length);
        for (const path of ['/workers', '/live']) {
          await page.goto(world.url + path);
          await isText(page, corpus, path);
        }
        for (const text of corpus) {
          await visit(page, '/live?worker=' + encoded(text));
          await page.locator('h1', { hasText: text }).waitFor();
          await seen(page, page.locator('h2', { hasText: 'Loop' }).first());
          await isText(page, [...corpus, ...corpus.map((name) => `waits for an event “${name}”`)], text);
        }
        const [running] = (await ask(world, '/jobs?filter=' + encoded('state:leased name:import args:onerror'))).jobs;
        await page.goto(world.url + '/jobs/' + running.id);
        await seen(page, page.locator('.stack').first());
        await isText(page, [corpus[0], corpus[1]], 'a job that runs');  // its progress note, and its worker
      });
    });
  });
}

describe('whatever is said to a page', () => {
  const world = useWorld({ calm: true });

  test('what an address says is text', async () => {
    await withTab(world, {}, async (page) => {
      for (const text of [corpus.join(' '), corpus[3]]) {
        const it = encoded(text);
        for (const path of [`/live?worker=${it}`, `/queues?queue=${it}`, `/jobs/${it}`, `/no/${it}`, '/' + it]) {
          await page.goto(world.url + path);
          await settled(page);
          await isText(page, [text], path);
        }
        for (const path of [`/jobs?filter=${it}`, `/dead?filter=${it}`]) {
          await page.goto(world.url + path);
          await settled(page);
          assert.equal(await page.locator('#filter').inputValue(), text);
          await isText(page, [], path);
        }
        for (const path of [`/jobs?after=${it}&order=${it}`, `/live?worker=host-7:4711&job=${it}`, `/?range=${it}`, `/jobs?${it}=${it}`, `/jobs#${it}`]) {
          await page.goto(world.url + path);
          await settled(page);
          await isText(page, [], path);
        }
      }
    });
  });

  test('an address that cannot be read is a page that says so', async () => {
    await withTab(world, {}, async (page) => {
      // From outside: the server refuses what is no UTF-8.
      assert.equal((await page.goto(world.url + '/jobs/%ff')).status(), 400);
      await page.getByText('Bad Request').waitFor();
      for (const path of ['//', '//example.org/jobs', '/no/such/page']) {
        await page.goto(world.url + path);
        await page.locator('h1', { hasText: 'There is no such page' }).waitFor();
        await page.locator('h2', { hasText: path }).waitFor();
      }
      // From within: the browser makes an address of anything.
      for (const path of ['/jobs/%ff', '/jobs/%', '/jobs/%E4%BB']) {
        await visit(page, path);
        await page.getByRole('alert').getByText(`'${path.slice(6)}' is no job's id`).waitFor();
      }
      await page.getByRole('link', { name: 'Queues' }).click();
      await page.locator('table.queues').waitFor();
    });
  });

  // A worker's answer goes through as it is: whoever may write to the broker could give it.
  test('what a worker answers is text, word by word', async () => {
    await withTab(world, {}, async (page) => {
      let turn = 0;
      const hostile = (value, key) => {
        if (Array.isArray(value)) return value.map((one) => hostile(one, key));
        if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, hostile(one, name)]));
        if (key === 'what') return corpus[0];
        return typeof value === 'string' && !['outcome', 'state', 'id'].includes(key) ? corpus[turn++ % corpus.length] : value;
      };
      await page.route('**/tasks', async (route) => {
        const answer = await (await route.fetch()).json();
        if (answer.dump) for (const loop of answer.dump.loops) loop.native_stack = [...corpus];
        return route.fulfill({ json: hostile(answer) });
      });
      await page.goto(world.url + '/live');
      await seen(page, page.locator('h2', { hasText: 'Loop' }).first());
      await isText(page, corpus, 'a dump');
      await isText(page, ['waits for ' + corpus[0]], 'a wait');
    });
  });

  test('a tree that is deeper than a page draws says how many tasks it leaves out', async () => {
    await withTab(world, {}, async (page) => {
      await page.route('**/tasks', async (route) => {
        const answer = await (await route.fetch()).json();
        if (answer.dump) {
          const [loop] = answer.dump.loops;
          const [task] = loop.tasks;
          // 0 spawned 1, 1 spawned 2, and so on; the last of them 3 more. One names itself twice, in a circle.
          const chain = Array.from({ length: 80 }, (_, i) => ({ ...task, id: i + 1, parent: Math.min(i, 77), name: `level ${i}`, waits_for: null }));
          answer.dump.loops = [{ ...loop, tasks: [...chain, { ...chain[70], parent: 75 }], deadlocks: [], left_out: 0 }];
        }
        return route.fulfill({ json: answer });
      });
      await page.goto(world.url + '/live');
      await seen(page, page.locator('.helper h2'));
      await page.locator('.helper h2').click();
      await page.getByText('Deeper levels are not shown: 15 more tasks.').waitFor();
      assert.equal(await page.locator('.task').count(), 65);
    });
  });

  test('what cannot be drawn is told, and the pages around it go on', async () => {
    await withTab(world, {}, async (page, _, problems) => {
      const [job] = (await ask(world, '/jobs?filter=queue:mail&limit=1')).jobs;
      let broken = true;
      await page.route('**/api/v1/jobs/' + job.id, async (route) => {
        const answer = await (await route.fetch()).json();
        return route.fulfill({ json: broken ? { ...answer, created_at_ms: 9e15 } : answer });  // no date of JavaScript's
      });
      await page.goto(world.url + '/jobs/' + job.id);
      await page.getByRole('alert').getByText('Invalid time value').waitFor();
      await eventually(() => /Invalid time value/.test(problems.splice(0).join()));  // the console has it too
      broken = false;
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.locator('h1', { hasText: job.name }).waitFor();
      await page.getByRole('link', { name: 'Queues' }).click();
      await page.locator('table.queues').waitFor();
    });
  });
});
