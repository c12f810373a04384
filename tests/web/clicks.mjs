// What else there is to click: each does on the page what it says.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ask, charts, drawn, settled, seen } from './world.mjs';
import { withTab } from './suite.mjs';

const rows = (page) => page.locator('tbody tr').evaluateAll((all) => all.map((row) => row.dataset.row));
const button = (page, name) => page.getByRole('button', { name, exact: true });

export function clicks(world) {
  test('on Next leads through a list, each job once, and First back to its beginning', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/jobs?filter=queue:archive');
      const there = [];
      for (const expected of [50, 50, 20]) {
        await page.waitForFunction(({ count, before }) => document.querySelectorAll('tbody tr').length === count && document.querySelector('tbody tr').dataset.row !== before,
          { count: expected, before: there[there.length - 50] });
        there.push(...await rows(page));
        assert.equal(await button(page, 'First').count(), there.length > 50 ? 1 : 0);
        if (expected === 50) await button(page, 'Next').click();
      }
      assert.equal(await button(page, 'Next').count(), 0);
      const { jobs } = await ask(world, '/jobs?filter=queue:archive&order=newest&limit=200');
      assert.deepEqual(there, jobs.map((job) => job.id));
      await button(page, 'First').click();
      await page.waitForFunction((id) => document.querySelector('tbody tr')?.dataset.row === id, there[0]);
      await page.goBack();
      await page.waitForFunction((id) => document.querySelector('tbody tr')?.dataset.row === id, there[100]);
    });
  });

  test('on Download keeps arguments and result as they are, to the letter', async () => {
    await withTab(world, {}, async (page) => {
      const [{ id }] = (await ask(world, '/jobs?filter=state:done%20queue:images%20args.user.id:9007199254740993&limit=1')).jobs;
      const job = await ask(world, '/jobs/' + id);
      await page.goto(world.url + '/jobs/' + id);
      for (const [title, what] of [['Arguments', 'args'], ['Result', 'result']]) {
        const body = page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) });
        const coming = page.waitForEvent('download');
        await body.getByRole('link', { name: 'Download' }).click();
        const download = await coming;
        assert.equal(download.suggestedFilename(), `${id}-${what}.json`);
        assert.equal(readFileSync(await download.path(), 'utf8'), job[what]);
        assert.match(job[what], /9007199254740993/);
        assert.equal(new URL(page.url()).pathname, '/jobs/' + id);
      }
    });
  });

  test('on Raw, Indented and Copy gives the arguments as they were enqueued', async () => {
    await withTab(world, { permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
      const [{ id }] = (await ask(world, '/jobs?filter=state:done%20queue:images&limit=1')).jobs;
      const { args } = await ask(world, '/jobs/' + id);
      await page.goto(world.url + '/jobs/' + id);
      const body = page.locator('section', { has: page.getByRole('heading', { name: 'Arguments' }) });
      const shows = (text) => page.waitForFunction((it) => document.querySelector('pre')?.textContent === it, text);
      const nice = await body.locator('pre').textContent();
      assert.ok(nice.split('\n').length > 2 && nice !== args);
      await button(body, 'Raw').click();
      await shows(args);
      await button(body, 'Indented').click();
      await shows(nice);
      await button(body, 'Copy').click();
      await body.getByText('Copied').waitFor();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), args);
    });
  });

  test('on Pause keeps what is seen of a process, and on Follow it goes on', async () => {
    await withTab(world, {}, async (page) => {
      let asked = 0;
      page.on('response', (response) => {
        if (response.url().endsWith('/tasks')) asked++;
      });
      const goesOn = () => page.waitForResponse((response) => response.url().endsWith('/tasks'));
      await page.goto(world.url + '/live');
      await seen(page, page.locator('h2', { hasText: 'Loop' }).first());
      await goesOn();  // by itself
      await button(page, 'Pause').click();
      await button(page, 'Follow').waitFor();
      // What was asked before it may still be on its way; then the page's clock shows six seconds and nothing more comes.
      const age = () => page.locator('.under time').textContent();
      const before = asked;
      await page.waitForFunction(() => /^[6-9](\.\d)? s ago|^\d\d/.test(document.querySelector('.under time').textContent));
      assert.ok(asked <= before + 1, `${asked - before} more answers, ${await age()}`);
      await button(page, 'Follow').click();
      await goesOn();
      await page.waitForFunction(() => /^now|^[0-5]\./.test(document.querySelector('.under time').textContent));
    });
  });

  test('on the box above a list selects all of its page, and none', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/jobs?filter=queue:archive');
      await page.waitForSelector('.row-link');
      const all = page.getByLabel('Select all on this page');
      await all.check();
      await page.getByText('50 selected').waitFor();
      await all.uncheck();
      await page.getByText('50 jobs on this page').waitFor();
    });
  });

  test('on Back, beside a dialog or on its last button leaves it', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/queues');
      await settled(page);
      const dialog = page.getByRole('dialog');
      for (const leave of [() => button(page, 'Back').click(), () => page.mouse.click(5, 5)]) {
        await page.getByRole('button', { name: 'Keyboard' }).click();
        await dialog.waitFor();
        await leave();
        await dialog.waitFor({ state: 'detached' });
      }
    });
  });

  test('on Try again asks once more', async () => {
    await withTab(world, {}, async (page) => {
      let away = true;
      await page.route('**/api/v1/workers', (route) => (away ? route.fulfill({ status: 429, json: { error: { code: 'test', message: 'not just now' } } }) : route.continue()));
      await page.goto(world.url + '/live');
      await page.getByRole('alert').getByText('not just now').waitFor();
      await page.evaluate(() => Object.defineProperty(document, 'hidden', { value: true }));  // else it asks by itself, too
      away = false;
      await button(page, 'Try again').click();
      await page.locator('h1', { hasText: 'host-7:4711' }).waitFor();
    });
  });

  test('on Table and Chart turns each chart into the other', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/');
      await drawn(page);
      for (let i = 0; i < charts; i++) await button(page, 'Table').first().click();
      await page.waitForFunction((count) => document.querySelectorAll('.chart tbody').length === count, charts);
      for (let i = 0; i < charts; i++) await button(page, 'Chart').first().click();
      await drawn(page);
    });
  });
}
