// The pages in Chromium, against a worker that works.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { ask, charts, drawn, whole, wholeInEveryLook, settled, news, eventually } from './world.mjs';
import { withTab, useWorld } from './suite.mjs';

const paths = ['/', '/queues', '/jobs', '/dead', '/workers', '/live'];

for (const kind of ['sqlite', 'redis']) {
  describe(`on ${kind}`, () => {
    const world = useWorld({ kind });

    test(`every page is whole and accessible${kind === 'sqlite' ? ' in both themes, on a phone and on a desk' : ''}`, async () => {
      await withTab(world, { bypassCSP: true }, async (page) => {
        const [job] = (await ask(world, '/jobs?filter=state:dead&limit=1')).jobs;
        const [blocked] = (await ask(world, '/jobs?filter=state:blocked&limit=1')).jobs;
        for (const path of [...paths, '/queues?queue=images', '/jobs/' + job.id, '/jobs/' + blocked.id, '/jobs?filter=nothing-like-this', '/jobs/01a21cd7-07b3-76ec-92a3-1e8fa136fc9f', '/no/such/page']) {
          await page.goto(world.url + path);
          await settled(page);
          await page.waitForFunction(() => document.title.endsWith('Coterie'));
          if (path === '/' || path.includes('queue=')) await drawn(page);
          await (kind === 'sqlite' ? wholeInEveryLook : whole)(page, path);
        }
      });
    });

    test('numbers of 64 bits are shown as they are', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/jobs?filter=' + encodeURIComponent('args.user.id:9007199254740993'));
        await page.waitForSelector('.row-link');
        assert.equal(await page.locator('.row-link').count(), 1);
        await page.click('.row-link');
        await page.waitForSelector('pre');
        assert.match(await page.textContent('main'), /"id": 9007199254740993/);
        assert.match(await page.textContent('main'), /"bytes": 9007199254740993/);
      });
    });

    test('a queue is paused and resumed, and the broker knows', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/queues');
        const row = page.locator('tr', { has: page.locator('a', { hasText: /^mail$/ }) });
        await row.getByRole('button', { name: 'Pause' }).click();
        await page.getByRole('dialog').getByText('7 wait now').waitFor();
        await page.getByRole('button', { name: 'Go on' }).click();
        await row.getByText('paused').waitFor();
        assert.equal((await ask(world, '/overview')).queues.find((q) => q.name === 'mail').paused, true);
        await row.getByRole('button', { name: 'Resume' }).click();
        await row.getByText('paused').waitFor({ state: 'detached' });
      });
    });

    test('one job is cancelled, then retried', async () => {
      await withTab(world, {}, async (page) => {
        const [job] = (await ask(world, '/jobs?filter=queue:mail%20state:ready&limit=1')).jobs;
        await page.goto(world.url + '/jobs/' + job.id);
        await page.getByRole('button', { name: 'Cancel' }).click();
        await page.getByRole('button', { name: 'Go on' }).click();
        await page.locator('.under .state', { hasText: 'cancelled' }).waitFor();
        await page.getByRole('button', { name: 'Retry' }).click();
        await page.getByRole('button', { name: 'Go on' }).click();
        await page.locator('.under .state', { hasText: 'ready' }).waitFor();
      });
    });

    test('a running job shows its progress and is cancelled through its worker', async () => {
      await withTab(world, {}, async (page) => {
        const [job] = (await ask(world, '/jobs?filter=state:leased%20queue:reports&limit=1')).jobs;
        await page.goto(world.url + '/jobs/' + job.id);
        await page.getByText('42 %').waitFor();
        await page.getByRole('button', { name: 'Cancel' }).click();
        await page.getByRole('button', { name: 'Go on' }).click();
        await page.locator('.under .state', { hasText: 'cancelled' }).waitFor();
        // What waited for it goes on: it is ready now, or taken.
        await eventually(async () => (await ask(world, '/jobs?filter=state:blocked')).jobs.length === 0);
      });
    });

    test('all that match are retried, after their number was shown', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/dead?filter=queue:billing');
        await page.getByRole('button', { name: 'Retry all that match' }).click();
        await page.getByRole('dialog').getByText('Retry 4 jobs?').waitFor();
        const answered = page.waitForResponse((r) => r.url().endsWith('/api/v1/retry'));
        await page.getByRole('button', { name: 'Go on' }).click();
        assert.deepEqual(await (await answered).json(), { matched: 4, changed: 4, next: null });
        await news(page, /^4 of 4 jobs changed\.$/);
      });
    });

    test('what is selected is cancelled', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/jobs?filter=queue:mail%20state:ready');
        await page.locator('tbody input[type=checkbox]').nth(0).check();
        await page.locator('tbody input[type=checkbox]').nth(1).check();
        await page.getByText('2 selected').waitFor();
        await page.locator('.bulk').getByRole('button', { name: 'Cancel' }).click();
        await page.getByRole('button', { name: 'Go on' }).click();
        await news(page, /^2 of 2 jobs changed\.$/);
      });
    });

    test('what is forgotten has to be typed', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/jobs?filter=state:cancelled%20queue:mail');
        await page.getByRole('button', { name: 'Forget all that match' }).click();
        const yes = page.getByRole('button', { name: 'Go on' });
        assert.equal(await yes.isDisabled(), true);
        await page.getByLabel('Type purge').fill('purge');
        await yes.click();
        await page.getByText('No job matches.').waitFor();
      });
    });
  });
}

describe('in use', () => {
  const world = useWorld({ calm: true });

  // In the very moment when it is put into the page: before its first frame, as a test or a fast hand may be.
  const atOnce = (page, selector, act) => page.addInitScript(`new MutationObserver((_, observer) => {
    const found = document.querySelector(${JSON.stringify(selector)});
    if (!found) return;
    observer.disconnect();
    (${act})(found);
  }).observe(document, { childList: true, subtree: true })`);

  test('a key is heard as soon as the page stands there, and a dialog is open as soon as it does', async () => {
    await withTab(world, {}, async (page) => {
      await atOnce(page, 'h1', () => document.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true })));
      await atOnce(page, 'dialog', (dialog) => { globalThis.wasOpen = dialog.open; });
      await page.goto(world.url + '/');
      await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
      assert.equal(await page.evaluate(() => globalThis.wasOpen), true);
    });
  });

  test('a link is followed as soon as it stands there', async () => {
    await withTab(world, {}, async (page) => {
      await atOnce(page, 'a[href="/queues"]', (link) => link.click());
      await page.goto(world.url + '/');
      await page.locator('h1', { hasText: 'Queues' }).waitFor();
    });
  });

  test('what is typed into the filter as soon as it stands there stays there', async () => {
    await withTab(world, {}, async (page) => {
      await atOnce(page, '#filter', (field) => {
        field.value = 'state:dead';
        field.dispatchEvent(new Event('input', { bubbles: true }));
      });
      await page.goto(world.url + '/jobs');
      await page.waitForSelector('.row-link');
      await page.getByRole('button', { name: 'Search' }).click();
      await page.waitForURL(/filter=state%3Adead/);
    });
  });

  test('an address has the range of time, too', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/queues?queue=images');
      await page.getByRole('button', { name: '1h' }).click();
      await page.waitForURL(/queue=images&range=1h/);
      await page.reload();
      await page.locator('button[aria-pressed=true]', { hasText: '1h' }).waitFor();
      await page.locator('h2', { hasText: 'images' }).waitFor();
      await page.goBack();
      await page.locator('button[aria-pressed=true]', { hasText: '5m' }).waitFor();
    });
  });

  test('a queue without a history says so, in both languages', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/queues?queue=the-seventeenth');
      await page.getByText('No history is kept of this queue').waitFor();
      assert.equal(await page.getByRole('alert').count(), 0);
      await page.getByRole('button', { name: '中文' }).click();
      await page.getByText('没有此队列的历史').waitFor();
    });
  });

  test('what waits for later is more than one state: its tile leads to the queues', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/');
      await page.locator('.tile', { hasText: 'Later' }).click();
      await page.waitForURL((url) => url.pathname === '/queues' && !url.search);
    });
  });

  test('a state is chosen beside text that reads like one', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/jobs?filter=' + encodeURIComponent('error:"card state:done" state:dead'));
      await page.locator('.states [aria-pressed=true]', { hasText: 'dead' }).waitFor();
      await page.locator('.states').getByRole('button', { name: 'ready' }).click();
      await page.waitForURL((url) => url.searchParams.get('filter') === 'state:ready error:"card state:done"');
    });
  });

  test('back and forward lead through the pages', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/');
      await page.getByRole('link', { name: 'Queues' }).click();
      await page.locator('h1', { hasText: 'Queues' }).waitFor();
      await page.goBack();
      await page.locator('h1', { hasText: 'Overview' }).waitFor();
      await page.goForward();
      await page.locator('h1', { hasText: 'Queues' }).waitFor();
    });
  });

  test('the age of the oldest job that waits is a line over time, of all queues and of each, and a table by keys', async () => {
    await withTab(world, { timezoneId: 'UTC' }, async (page) => {
      await eventually(async () => (await ask(world, '/history?range=5m')).points.length > 1);  // else all come by the stream
      for (const path of ['/', '/queues?queue=mail']) {  // nobody takes from mail: its oldest grows older
        await page.goto(world.url + path);
        const card = page.locator('.chart', { hasText: 'Longest wait' });
        await card.getByRole('img', { name: /^Longest wait, 5m: Longest wait [\d.]+m? \w+/ }).waitFor();
        const rises = await card.locator('.curve').evaluate((line) => {
          const heights = line.getAttribute('d').slice(1).split(/[ML]/).map((point) => parseFloat(point.split(',')[1]));
          return heights.length > 1 && heights.every((y, i) => i === 0 || y <= heights[i - 1]) && heights.at(-1) < heights[0];
        });
        assert.ok(rises, path);
        await card.getByRole('button', { name: 'Table' }).focus();
        await page.keyboard.press('Enter');
        await card.locator('tbody tr').nth(1).waitFor();
        assert.deepEqual(await card.locator('thead th').allTextContents(), ['Time', 'Longest wait']);
        // Its rows are the points of the API, but for those that have come by the stream.
        const rows = new Map(await card.locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent))));
        const { points } = await ask(world, `/history?range=5m&queue=${path === '/' ? '' : 'mail'}`);
        const known = points.map(([at, , , , oldest]) => [rows.get(new Date(at).toISOString().replace('T', ' ').slice(0, -1)), oldest]).filter(([text]) => text);
        assert.ok(known.length > 0);
        for (const [text, oldest] of known)
          assert.match(text, oldest < 10000 ? /^\d\.\d s$/ : oldest < 59500 ? /^\d\d s$/ : /^\d+m \d\ds$/, String(oldest));
        await page.keyboard.press('Enter');
        await card.locator('.plot svg').waitFor();
      }
      await page.getByRole('button', { name: '中文' }).click();
      await page.getByRole('img', { name: /^最长等待，5m：最长等待 / }).waitFor();
    });
  });

  test('a line ends where points are missing, and what a hidden tab has missed is loaded when it is shown', async () => {
    await withTab(world, {}, async (page) => {
      const begin = Date.now() - 200000;
      let missed = true;
      // Five points, a minute without, five more; then with what was missing. The stream says nothing.
      await page.route('**/api/v1/history*', async (route) => {
        const answer = await (await route.fetch()).json();
        const point = (i) => [begin + i * 2000, ...answer.columns.slice(1).map(() => 1)];
        const at = Array.from({ length: 40 }, (_, i) => i).filter((i) => !missed || i < 5 || i >= 35);
        return route.fulfill({ json: { ...answer, points: at.map(point) } });
      });
      await page.route('**/api/v1/events*', () => {});
      await page.route('**/api/v1/overview', (route) => route.fulfill({ status: 429, json: {} }));
      await page.goto(world.url + '/');
      await drawn(page);
      const shape = async () => (await page.locator('.chart', { hasText: 'Longest wait' }).locator('.curve, .area').evaluateAll((all) => all.map((path) => path.getAttribute('d').replace(/[^MLZ]/g, ''))));
      assert.deepEqual(await shape(), ['MLLLLLLZMLLLLLLZ', 'MLLLLMLLLL']);
      missed = false;
      const show = (how) => page.evaluate((hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, how === 'hidden');
      await show('hidden');
      assert.equal((await shape())[1], 'MLLLLMLLLL');
      await show('shown');
      await eventually(async () => (await shape())[1] === 'M' + 'L'.repeat(39));
    });
  });

  test('a chart that has no line yet says when it will', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/?range=30d');
      await page.getByText(/^One point comes each [1-9]h 00m; a line needs two\.$/).first().waitFor();
    });
  });

  test('a chart is a table as well, and names the states that it puts together', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/');
      await page.waitForSelector('svg .curve', { state: 'attached' });
      const card = page.locator('.chart', { hasText: 'Depth' });
      await card.locator('.legend').getByText('Later (scheduled, retry, blocked)').waitFor();
      await card.getByRole('button', { name: 'Table' }).click();
      await card.locator('tbody tr').nth(1).waitFor();
      assert.deepEqual(await card.locator('thead th').allTextContents(), ['Time', 'Waiting', 'Running', 'Later (scheduled, retry, blocked)', 'Dead']);
    });
  });

  test('a chart as a table has the hours of its reader, as the chart, its axis and its pointer have', async () => {
    await withTab(world, { timezoneId: 'Asia/Shanghai' }, async (page) => {
      await page.goto(world.url + '/');
      await page.locator('.plot svg').first().waitFor();
      const plot = await page.locator('.plot svg').first().boundingBox();
      await page.mouse.move(plot.x + plot.width - 20, plot.y + plot.height / 2);
      const pointed = await page.waitForFunction(() => /^\d\d:\d\d:\d\d/.exec(document.querySelector('.chart h2 small').textContent)?.[0]);
      const pointedAt = await pointed.jsonValue();
      const axis = await page.waitForFunction(() => {
        const words = [...document.querySelectorAll('.plot text')].map((text) => text.textContent).filter((text) => /^\d\d:\d\d(:\d\d)?$/.test(text));
        return words.length > 0 && words;
      });
      const hours = [pointedAt, ...await axis.jsonValue()];
      await page.getByRole('button', { name: 'Table' }).first().click();
      const said = await page.locator('.chart tbody td').first().innerText();
      // Each is read as the page's own time; at midnight the day may be another.
      const minutes = await page.evaluate((texts) => texts.map((text) => Math.abs(Date.now() - new Date(text)) / 60000),
        [said.replace(' ', 'T'), ...hours.map((hour) => `${said.slice(0, 10)}T${hour}`)]);
      assert.ok(minutes.every((apart) => Math.min(apart % 1440, 1440 - apart % 1440) < 10), `${said}, ${hours}: ${minutes}`);
    });
  });

  test('charts as tables are accessible, and the button stands beside the title, on a phone too', async () => {
    await withTab(world, { bypassCSP: true }, async (page) => {
      await page.goto(world.url + '/');
      await drawn(page);
      for (let i = 0; i < charts; i++) await page.getByRole('button', { name: 'Table' }).first().click();
      await page.waitForFunction((count) => document.querySelectorAll('.chart tbody').length === count, charts);
      await wholeInEveryLook(page, 'charts as tables');
      for (const width of [390, 1080, 1280]) {
        await page.setViewportSize({ width, height: 860 });
        const apart = await page.locator('.chart > header').evaluateAll((all) => all.map((header) =>
          Math.abs(header.querySelector('h2').getBoundingClientRect().bottom - header.querySelector('button').getBoundingClientRect().bottom)));
        assert.ok(apart.every((pixels) => pixels < 12), `${width} px: ${apart}`);
      }
    });
  });

  test('theme and language are kept', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/queues');
      await page.getByRole('button', { name: 'Theme' }).click();
      await page.getByRole('button', { name: 'Theme' }).click();
      await page.getByRole('button', { name: '中文' }).click();
      await page.locator('h1', { hasText: '队列' }).waitFor();
      await page.reload();
      await page.locator('h1', { hasText: '队列' }).waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
      assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-CN');
    });
  });

  test('pages are accessible in Chinese, too', async () => {
    await withTab(world, { bypassCSP: true }, async (page) => {
      await page.goto(world.url + '/');
      await page.getByRole('button', { name: '中文' }).click();
      for (const path of paths) {
        await page.goto(world.url + path);
        await page.waitForFunction(() => document.querySelector('h1') && !document.querySelector('#app').textContent.includes('加载中'));
        await whole(page, path + ' in Chinese');
      }
    });
  });

  test('what went wrong is explained, and in Chinese at least its kind', async () => {
    await withTab(world, {}, async (page, _, problems) => {
      const said = page.getByRole('alert');
      await page.goto(world.url + '/jobs?filter=colour:red');
      await said.getByText('That did not work').waitFor();
      await said.getByText("'colour' is nothing to filter by").waitFor();
      await page.getByRole('button', { name: '中文' }).click();
      await said.getByText('过滤条件有误').waitFor();
      assert.match(await said.locator('[lang=en]').textContent(), /^'colour' is nothing to filter by/);
      // By its status where the page does not know its code; and where nobody answers.
      await page.route('**/api/v1/workers', (route) => route.fulfill({ status: 429, json: { error: { code: 'new_one', message: 'not just now' } } }));
      await page.goto(world.url + '/workers');
      await said.getByText('请求过多').waitFor();
      await page.route('**/api/v1/workers', (route) => route.abort());
      await page.goto(world.url + '/live');
      await said.getByText('无法连接面板').waitFor();
      await page.getByRole('button', { name: 'English' }).click();
      await said.getByText('the dashboard does not answer').waitFor();
      assert.deepEqual(problems.splice(0).filter((problem) => !/net::ERR_FAILED/.test(problem)), []);  // the browser tells of that
    });
  });

  test('an answer that takes longer than a page waits to ask again is shown', async () => {
    await withTab(world, {}, async (page) => {
      let asked = 0;
      let goOn;
      const gate = new Promise((done) => { goOn = done; });
      await page.clock.install();
      await page.route('**/api/v1/workers', async (route) => {
        if (++asked > 1) return;  // this one is never answered
        await gate;
        await route.continue();
      });
      await page.goto(world.url + '/workers');
      await page.getByText('Loading…').waitFor();
      await page.clock.runFor(12000);
      assert.equal(asked, 1);
      goOn();
      await page.locator('h2', { hasText: 'host-7:4711' }).waitFor();
      await eventually(() => asked === 2);
    });
  });

  test('how long the first numbers take is printed', async (t) => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/');
      await page.locator('.tile dd').first().waitFor();
      const took = await page.evaluate(() => performance.now());
      t.diagnostic(`${Math.round(took)} ms after the navigation began`);
    });
  });
});
