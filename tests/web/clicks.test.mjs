// What else there is to click: each does on the page what it says.
import test, { before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { makeWorld, launch, ask, settled, seen, wholeInEveryLook, withTab as withTabOf } from './world.mjs';

let browser;
let world;
before(async () => {
  browser = await launch();
});
after(() => browser.close());
/** Its tests are of one world, which is there while they run. */
const withWorld = (kind) => {
  before(async () => {
    world = await makeWorld({ kind, calm: true, many: 120 });
  });
  after(() => world && world.stop());
};
const withTab = (options, use) => withTabOf(browser, world, options, use);
const rows = (page) => page.locator('tbody tr').evaluateAll((all) => all.map((row) => row.dataset.row));
const button = (page, name) => page.getByRole('button', { name, exact: true });

for (const kind of ['sqlite', 'redis'])
  describe(`a click, on ${kind}`, () => {
    withWorld(kind);

    test('on Next leads through a list, each job once, and First back to its beginning', async () => {
      await withTab({}, async (page) => {
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
      await withTab({}, async (page) => {
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
      await withTab({ permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
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
      await withTab({}, async (page) => {
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
      await withTab({}, async (page) => {
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
      await withTab({}, async (page) => {
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
      await withTab({}, async (page) => {
        let away = true;
        await page.route('**/api/v1/workers', (route) => (away ? route.fulfill({ status: 429, json: { error: { code: 'test', message: 'not just now' } } }) : route.continue()));
        await page.goto(world.url + '/live');
        await page.getByRole('alert').getByText('not just now').waitFor();
        away = false;
        await button(page, 'Try again').click();
        await page.locator('h1', { hasText: 'host-7:4711' }).waitFor();
      });
    });

    test('on Table and Chart turns each chart into the other', async () => {
      await withTab({}, async (page) => {
        await page.goto(world.url + '/');
        await page.waitForFunction(() => document.querySelectorAll('.plot svg').length === 4);
        for (let i = 0; i < 4; i++) await button(page, 'Table').first().click();
        await page.waitForFunction(() => document.querySelectorAll('.chart tbody').length === 4);
        for (let i = 0; i < 4; i++) await button(page, 'Chart').first().click();
        await page.waitForFunction(() => document.querySelectorAll('.plot svg').length === 4);
      });
    });
  });

describe('a chart as a table', () => {
  withWorld('sqlite');

  test('has the hours of its reader, as the chart and its pointer have', async () => {
    await withTab({ timezoneId: 'Asia/Shanghai' }, async (page) => {
      await page.goto(world.url + '/');
      await page.locator('.plot svg').first().waitFor();
      const plot = await page.locator('.plot svg').first().boundingBox();
      await page.mouse.move(plot.x + plot.width - 20, plot.y + plot.height / 2);
      const pointed = await page.waitForFunction(() => /^\d\d:\d\d:\d\d/.exec(document.querySelector('.chart h2 small').textContent)?.[0]);
      const pointedAt = await pointed.jsonValue();
      await button(page, 'Table').first().click();
      const said = await page.locator('.chart tbody td').first().innerText();
      // Each is read as the page's own time; at midnight the day may be another.
      const minutes = await page.evaluate((texts) => texts.map((text) => Math.abs(Date.now() - new Date(text)) / 60000),
        [said.replace(' ', 'T'), `${said.slice(0, 10)}T${pointedAt}`]);
      assert.ok(minutes.every((apart) => Math.min(apart % 1440, 1440 - apart % 1440) < 10), `${said}, ${pointedAt}: ${minutes}`);
    });
  });

  test('is accessible, and the button stands beside the title, on a phone too', async () => {
    await withTab({ bypassCSP: true }, async (page) => {
      await page.goto(world.url + '/');
      await page.waitForFunction(() => document.querySelectorAll('.plot svg').length === 4);
      for (let i = 0; i < 4; i++) await button(page, 'Table').first().click();
      await page.waitForFunction(() => document.querySelectorAll('.chart tbody').length === 4);
      await wholeInEveryLook(page, 'charts as tables');
      for (const width of [390, 1080, 1280]) {
        await page.setViewportSize({ width, height: 860 });
        const apart = await page.locator('.chart > header').evaluateAll((all) => all.map((header) =>
          Math.abs(header.querySelector('h2').getBoundingClientRect().bottom - header.querySelector('button').getBoundingClientRect().bottom)));
        assert.ok(apart.every((pixels) => pixels < 12), `${width} px: ${apart}`);
      }
    });
  });
});
