// Jobs in the browser: their order, what they say of themselves, and what is done to many or once more.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { bin, ask, news } from './world.mjs';
import { withTab, useWorld } from './suite.mjs';

/** More than two steps of a bulk action. */
const many = 4500;

for (const kind of ['sqlite', 'redis']) {
  describe(`on ${kind}`, () => {
    const world = useWorld({ kind, many });

    test('the newest jobs come first, and the oldest where the address says so', async () => {
      await withTab(world, {}, async (page) => {
        const first = async () => (await page.locator('tbody tr').first().getAttribute('data-row'));
        const of = async (order) => (await ask(world, `/jobs?filter=queue:billing&limit=1&order=${order}`)).jobs[0].id;
        await page.goto(world.url + '/jobs?filter=queue:billing');
        await page.waitForSelector('.row-link');
        assert.equal(await first(), await of('newest'));
        await page.getByRole('button', { name: 'Oldest' }).click();
        const oldest = await of('oldest');
        await page.waitForFunction((id) => document.querySelector('tbody tr')?.dataset.row === id, oldest);
        assert.match(page.url(), /order=oldest/);
      });
    });

    test('a job names what it waits for, and that one names it', async () => {
      await withTab(world, {}, async (page) => {
        const [job] = (await ask(world, '/jobs?filter=state:blocked')).jobs;
        await page.goto(world.url + '/jobs/' + job.id);
        const awaited = page.locator('.linked', { has: page.getByRole('heading', { name: 'Waits for' }) });
        await awaited.locator('.state', { hasText: 'running' }).waitFor();
        await awaited.getByRole('link', { name: 'import' }).click();
        await page.locator('h1', { hasText: 'import' }).waitFor();
        const waiting = page.locator('.linked', { has: page.getByRole('heading', { name: 'What waits for it' }) });
        await waiting.locator('.state', { hasText: 'blocked' }).waitFor();
        await waiting.getByRole('link', { name: 'publish' }).click();
        await page.waitForURL((url) => url.pathname.endsWith(job.id));
      });
    });

    test('an error of several lines is shown line by line', async () => {
      await withTab(world, {}, async (page) => {
        const [job] = (await ask(world, '/jobs?filter=name:%22send%20mail%22')).jobs;
        await page.goto(world.url + '/jobs/' + job.id);
        const text = page.getByRole('region', { name: 'Error' });
        await text.waitFor();
        // What it says of itself, and behind it the coroutines that it came out of.
        assert.match(await text.innerText(), /^550 no such mailbox\n<ann@example\.org>: user unknown\n   at speak_smtp\(\) web_agent\.cpp:\d+\n   at send_mail\(\) web_agent\.cpp:\d+\n   at fails_deep_down\(\) web_agent\.cpp:\d+$/);
        const heights = await text.evaluate((e) => [e.getBoundingClientRect().height, parseFloat(getComputedStyle(e).lineHeight)]);
        assert.ok(heights[0] >= 4 * heights[1], `${heights}: four lines`);
        // Of each attempt what it says of itself.
        const attempts = page.locator('.attempts', { has: page.getByRole('heading', { name: 'Failed attempts' }) });
        await attempts.locator('summary', { hasText: '1. exception' }).click();
        assert.match(await attempts.getByRole('region').innerText(), /^550 no such mailbox\n<ann@example\.org>: user unknown$/);
      });
    });

    test('what a command printed is shown, line by line and to the letter, beside its result', async () => {
      const coterie = (...args) => execFileSync(bin, [...args, '--broker', world.broker, '--queue', 'shell'], { encoding: 'utf8' });
      const id = coterie('enqueue', '--exec', "printf 'first line\\n  <b>second</b> \"line\"\\n'").trim();
      coterie('worker', '--allow-exec', '--until-idle', '--log-level', 'error');
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/jobs/' + id);
        const output = page.locator('section', { has: page.getByRole('heading', { name: 'Output', exact: true }) });
        assert.equal(await output.getByRole('region', { name: 'Output' }).innerText(), 'first line\n  <b>second</b> "line"\n');
        await page.getByRole('region', { name: 'Result' }).getByText('"exit_code": 0').waitFor();
        // What has none shows its result alone.
        const [{ id: other }] = (await ask(world, '/jobs?filter=state:done%20queue:images&limit=1')).jobs;
        await page.goto(world.url + '/jobs/' + other);
        await page.getByRole('region', { name: 'Result' }).waitFor();
        assert.equal(await output.count(), 0);
      });
    });

    test('the progress of a job that runs goes on as it is looked at', async () => {
      await withTab(world, {}, async (page) => {
        const [job] = (await ask(world, '/jobs?filter=state:leased%20name:count')).jobs;
        await page.goto(world.url + '/jobs/' + job.id);
        await page.waitForSelector('.note');
        const before = await page.textContent('.note');
        await page.waitForFunction((text) => document.querySelector('.note').textContent !== text, before);
        assert.match(await page.textContent('.note'), /^step \d+$/);
      });
    });

    test('so it does in a list, where nothing else changes', async () => {
      await withTab(world, {}, async (page) => {
        await page.route('**/api/v1/events*', () => {});
        await page.route('**/api/v1/overview', (route) => route.fulfill({ status: 429, json: {} }));
        await page.goto(world.url + '/jobs?filter=state:leased%20name:count');
        await page.locator('.remark', { hasText: /step \d/ }).waitFor();
        const before = await page.textContent('td.remark');
        await page.waitForFunction((text) => document.querySelector('td.remark').textContent !== text, before);
      });
    });

    test('a job is cloned with arguments that are edited, to the letter', async () => {
      await withTab(world, {}, async (page) => {
        const [job] = (await ask(world, '/jobs?filter=queue:mail&limit=1')).jobs;
        await page.goto(world.url + '/jobs/' + job.id);
        await page.getByRole('button', { name: 'Clone' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Arguments').fill('{"n": 18446744073709551615, "x": 1.50');
        await dialog.getByRole('button', { name: 'Clone' }).click();
        await dialog.getByRole('alert').waitFor();  // that is no JSON
        await dialog.getByLabel('Arguments').fill('{"n": 18446744073709551615, "x": 1.50}');
        await dialog.getByRole('button', { name: 'Clone' }).click();
        await page.waitForFunction((id) => !location.pathname.endsWith(id), job.id);
        await page.getByText('18446744073709551615').waitFor();
        const copy = await ask(world, new URL(page.url()).pathname);
        assert.equal(copy.args, '{"n": 18446744073709551615, "x": 1.50}');
        assert.deepEqual([copy.queue, copy.name, copy.max_attempts], [job.queue, job.name, job.max_attempts]);
      });
    });

    test('a queue has charts of its own, of times as well', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/queues');
        await page.getByRole('link', { name: 'History images' }).click();
        await page.waitForFunction(() => document.querySelectorAll('.chart').length === 5);
        await page.locator('.chart', { hasText: 'Run time' }).getByText('p95').waitFor();
        // Its thumbnails take 150 ms, which is known within a tenth; more where the machine has other work.
        await page.waitForFunction(() => /p50\s*(1[3-9]\d|[2-9]\d\d) ms|p50\s*[\d.]+ s/.test(document.querySelectorAll('.chart')[4].textContent));
        await page.reload();
        await page.waitForFunction(() => document.querySelectorAll('.chart .curve').length >= 7);
      });
    });

    // The look at so many is not cut short, but the page cannot know: it is told of the first 200, then of the rest.
    test('a number that takes long to count is counted to its end before anything is done', async () => {
      await withTab(world, {}, async (page) => {
        const filter = encodeURIComponent('queue:archive state:ready');
        let goOn;
        const gate = new Promise((done) => { goOn = done; });
        await page.route('**/api/v1/count*', async (route) => {
          if (new URL(route.request().url()).searchParams.get('after') !== '0') {
            await gate;
            return route.continue();
          }
          const { jobs, next } = await ask(world, `/jobs?filter=${filter}&order=oldest&limit=200`);
          return route.fulfill({ json: { count: jobs.length, bounded: true, next } });
        });
        await page.goto(world.url + '/jobs?filter=' + filter);
        await page.getByRole('button', { name: 'Cancel all that match' }).click();
        await page.getByRole('dialog', { name: 'Cancel at least 200 jobs?' }).getByText('Still counting').waitFor();
        assert.equal(await page.getByRole('button', { name: 'Go on' }).isDisabled(), true);
        goOn();
        await page.getByRole('dialog', { name: 'Cancel 4,500 jobs?' }).waitFor();
        assert.equal(await page.getByRole('button', { name: 'Go on' }).isDisabled(), false);
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
      });
    });

    test('each step says when its jobs were counted, and a dialog promises no more than that', async () => {
      await withTab(world, {}, async (page) => {
        const first = { count: 3, bounded: true, next: '7' };
        const said = [];
        let counted_at_ms = 1234;
        await page.route('**/api/v1/count*', (route) => route.fulfill({
          json: { ...(/after=0/.test(route.request().url()) ? first : { count: 2, bounded: false, next: null }), ...(counted_at_ms && { counted_at_ms: counted_at_ms++ }) },
        }));
        await page.route('**/api/v1/cancel', (route) => {
          said.push(route.request().postDataJSON());
          return route.fulfill({ json: { matched: 3, changed: 3, next: said.length === 1 ? '9' : null } });
        });
        await page.goto(world.url + '/jobs?filter=queue:archive%20state:ready');
        const all = page.getByRole('button', { name: 'Cancel all that match' });
        const dialog = page.getByRole('dialog', { name: 'Cancel 5 jobs?' });
        await all.click();
        await dialog.getByText('Jobs that match “queue:archive state:ready”, 5 at most. What came after the count is not touched.').waitFor();
        await dialog.getByRole('button', { name: 'Go on' }).click();
        await dialog.waitFor({ state: 'detached' });
        assert.deepEqual(said.map((body) => [body.after, body.most, body.counted_at_ms]), [['0', 5, 1234], ['9', 2, 1234]]);
        counted_at_ms = 0;  // of a server that does not say it
        await all.click();
        await dialog.getByText(/5 at most\.$/).waitFor();
      });
    });

    test('thousands are cancelled step by step; stopping keeps what was done, and says it', async () => {
      await withTab(world, {}, async (page) => {
        const filter = encodeURIComponent('queue:archive state:ready');
        const left = async () => (await ask(world, '/count?filter=' + filter)).count;
        let steps = 0;
        let goOn;
        const gate = new Promise((done) => { goOn = done; });
        await page.route('**/api/v1/cancel', async (route) => {
          if (++steps === 2) return route.fulfill({ status: 429, json: { error: { code: 'test', message: 'not just now' } } });
          if (steps === 3) await gate;
          return route.continue();
        });
        await page.goto(world.url + '/jobs?filter=' + filter);
        await page.getByRole('button', { name: 'Cancel all that match' }).click();
        await page.getByRole('dialog', { name: 'Cancel 4,500 jobs?' }).waitFor();
        await page.getByRole('button', { name: 'Go on' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByRole('alert').getByText('not just now').waitFor();
        const sofar = dialog.getByText(/^[\d,]+ of 4,500 done, [\d,]+ changed\.$/);
        const done = many - await left();
        assert.match(await sofar.textContent(), new RegExp(`^${done.toLocaleString('en-GB')} of`));
        await dialog.getByRole('button', { name: 'Go on' }).click();  // from there
        await dialog.getByRole('alert').waitFor({ state: 'detached' });
        assert.ok(await dialog.getByRole('progressbar').evaluate((bar) => bar.value > 0 && bar.value < bar.max));
        await dialog.getByRole('button', { name: 'Stop' }).click();
        goOn();
        const told = await news(page, /^Stopped: [\d,]+ of 4,500 jobs changed\.$/);
        const changed = Number(/ ([\d,]+) of/.exec(told)[1].replace(',', ''));
        assert.equal(await left(), many - changed);
        assert.ok(changed > done && changed < many);
        await dialog.waitFor({ state: 'detached' });

        const rest = many - changed;
        await page.getByRole('button', { name: 'Cancel all that match' }).click();
        await page.getByRole('button', { name: 'Go on' }).click();
        await news(page, new RegExp(`^${rest.toLocaleString('en-GB')} of ${rest.toLocaleString('en-GB')} jobs changed\\.$`));
        assert.equal(await left(), 0);
        await page.getByText('No job matches.').waitFor();
      });
    });

    test('all that match are forgotten only by what the broker lists, and where nothing can be done it says why', async () => {
      await withTab(world, {}, async (page) => {
        const forget = page.getByRole('button', { name: 'Forget all that match' });
        const why = page.getByText('filter by state, queue and name alone');
        for (const [filter, may] of [['state:done name:"send mail"', true], ['state:done age>1h', false], ['state:done "state:dead"', false]]) {
          await page.goto(world.url + '/jobs?filter=' + encodeURIComponent(filter));
          await (may ? forget : why).waitFor();
          assert.deepEqual([await forget.count(), await why.count()], may ? [1, 0] : [0, 1], filter);
        }
        await page.goto(world.url + '/jobs?filter=queue:billing');
        await page.getByText('choose a state').waitFor();
        assert.equal(await page.getByRole('button', { name: /all that match/ }).count(), 0);
      });
    });

    test('a filter is read as the server reads it: a state in quotes, or by another name, offers what that state does', async () => {
      await withTab(world, {}, async (page) => {
        const dead = ['Retry all that match', 'Forget all that match'];
        for (const [filter, state, offers] of [
          ['state:dead', 'dead', dead], ['state:"dead"', 'dead', dead], ['state:failed queue:"billing"', 'dead', dead], ['state:"d\\ead"', 'dead', dead],
          ['state:"ready"', 'ready', ['Cancel all that match']], ['state:waiting', 'ready', ['Cancel all that match']], ['state:running', 'running', ['Cancel all that match']],
          ['"state:dead"', 'all', []], ['error:"a \\"state:dead b"', 'all', []], ['error:a"b state:dead name:c"d', 'dead', ['Retry all that match']],
        ]) {
          await page.goto(world.url + '/jobs?filter=' + encodeURIComponent(filter));
          await page.locator('.bulk').waitFor();
          assert.deepEqual(await page.locator('.states [aria-pressed=true]').allTextContents(), [state], filter);
          assert.deepEqual(await page.locator('.bulk').getByRole('button', { name: 'all that match' }).allTextContents(), offers, filter);
        }
        await page.locator('.states').getByRole('button', { name: 'done' }).click();
        await page.waitForURL((url) => url.searchParams.get('filter') === 'state:done error:a"b name:c"d');
      });
    });

    test('a queue is drained, after the number was shown', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/queues');
        const row = page.locator('tr', { has: page.locator('a', { hasText: /^mail$/ }) });
        const waiting = (await ask(world, '/count?filter=queue:mail%20state:ready')).count;
        assert.ok(waiting > 1);
        await row.getByRole('link', { name: String(waiting), exact: true }).waitFor();
        await row.getByRole('button', { name: 'Drain' }).click();
        await page.getByRole('dialog').getByText(`${waiting} jobs wait here`).waitFor();
        await page.getByRole('button', { name: 'Go on' }).click();
        await news(page, new RegExp(`^${waiting} jobs of mail cancelled\\.$`));
        await row.getByRole('button', { name: 'Drain' }).waitFor({ state: 'detached' });
      });
    });
  });
}
