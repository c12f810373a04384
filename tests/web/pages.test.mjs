// The pages in Chromium, against a worker that works.
import test, { before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { makeWorld, makeAccount, launch, tab, axe, ask, withTab as withTabOf } from './world.mjs';

const paths = ['/', '/queues', '/jobs', '/dead', '/workers', '/live'];
const shots = process.env.COTERIE_WEB_SHOTS;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const withTab = (world, options, use) => withTabOf(browser, world, options, use);
const settled = (page) => page.waitForFunction(() => !document.querySelector('main')?.textContent.includes('Loading…') && document.querySelector('h1'));

for (const kind of ['sqlite', 'redis']) {
  describe(`on ${kind}`, () => {
    let world;
    before(async () => {
      world = await makeWorld({ kind });
    });
    after(() => world && world.stop());

    for (const scheme of ['light', 'dark'])
      for (const width of kind === 'sqlite' ? [390, 1280] : [1280])
        test(`every page is whole and accessible, ${scheme}, ${width} px`, async () => {
          await withTab(world, { colorScheme: scheme, viewport: { width, height: 860 }, bypassCSP: true }, async (page) => {
            const [job] = (await ask(world, '/jobs?filter=state:dead&limit=1')).jobs;
            const [blocked] = (await ask(world, '/jobs?filter=state:blocked&limit=1')).jobs;
            for (const path of [...paths, '/jobs/' + job.id, '/jobs/' + blocked.id, '/jobs?filter=nothing-like-this', '/jobs/01a21cd7-07b3-76ec-92a3-1e8fa136fc9f', '/no/such/page']) {
              await page.goto(world.url + path);
              await settled(page);
              await page.waitForFunction(() => document.title.endsWith('Coterie'));
              if (path === '/') await page.waitForSelector('svg .curve', { state: 'attached' });
              assert.deepEqual(await axe(page), [], path);
              const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
              assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
              if (shots) await page.screenshot({ path: `${shots}/${kind}-${path.replace(/\W+/g, '_')}-${scheme}-${width}.png` });
            }
          });
        });

    test('texts that would like to be markup stay text', async () => {
      await withTab(world, {}, async (page) => {
        const dead = (await ask(world, '/jobs?filter=' + encodeURIComponent('state:dead __xss') + '&limit=200')).jobs;
        assert.ok(dead.length >= 6);
        const inert = async (path) => {
          assert.equal(await page.evaluate(() => window.__xss), undefined, path);
          assert.equal(await page.locator('main img, main iframe, main script, main a[href^="javascript"]').count(), 0, path);
        };
        for (const path of [...paths, '/queues?queue=' + encodeURIComponent(dead[0].queue), ...dead.map((job) => '/jobs/' + job.id)]) {
          await page.goto(world.url + path);
          await settled(page);
          await inert(path);
        }
        const noted = page.locator('.details dd code');
        const { headers } = await ask(world, '/jobs/' + dead[dead.length - 1].id);
        assert.equal(await noted.textContent(), headers.note);
        const done = (await ask(world, '/jobs?filter=' + encodeURIComponent('state:done __xss') + '&limit=200')).jobs;
        for (const job of done) {
          await page.goto(`${world.url}/jobs/${job.id}`);
          await page.waitForFunction((name) => document.querySelector('h1')?.textContent === name, job.name);
          assert.ok((await page.textContent('main')).includes(job.queue));
          await inert(job.name);
        }
        for (const path of ['/workers', '/live']) {
          await page.goto(world.url + path);
          await page.waitForSelector('text=<script>window.__xss=2</script>');
          await inert(path);
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
        assert.equal((await ask(world, '/jobs?filter=state:blocked')).jobs.length, 0);
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
        await page.getByText('4 of 4 jobs changed.').waitFor();
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
        await page.getByText('2 of 2 jobs changed.').waitFor();
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
  let world;
  before(async () => {
    world = await makeWorld({ calm: true });
  });
  after(() => world && world.stop());

  test('eight tabs of a browser are live together', async () => {
    await withTab(world, {}, async (first, context, problems) => {
      const tabs = [first];
      while (tabs.length < 8) tabs.push(await tab(context, world.url, problems));
      for (const page of tabs) await page.goto(world.url + '/');
      for (const page of tabs) {
        await page.locator('.tile').first().waitFor();
        await page.waitForFunction(() => ['live', 'polling'].includes(document.querySelector('.live').dataset.status), null, { timeout: 20000 });
        await page.waitForSelector('svg .curve', { state: 'attached', timeout: 20000 });  // one that is flat is not "visible"
      }
      // What is drawn goes on in each of them: two points more than when all were there.
      const drawn = (page) => page.locator('svg .curve').first().evaluate((line) => line.getAttribute('d').split('L').length);
      const before = await Promise.all(tabs.map(drawn));
      await Promise.all(tabs.map((page, i) => page.waitForFunction(
        (more) => document.querySelector('svg .curve').getAttribute('d').split('L').length >= more, before[i] + 2, { timeout: 20000 })));
    });
  });

  test('a key is heard as soon as the page stands there', async () => {
    await withTab(world, {}, async (page) => {
      await page.addInitScript(() => new MutationObserver((_, observer) => {
        if (!document.querySelector('h1')) return;
        observer.disconnect();
        document.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true }));
      }).observe(document, { childList: true, subtree: true }));
      await page.goto(world.url + '/');
      await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    });
  });

  test('everything can be reached by the keyboard', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/');
      await settled(page);
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('g');
      await page.keyboard.press('d');
      await page.waitForSelector('.row-link');
      await page.keyboard.press('j');
      await page.keyboard.press('x');
      await page.getByText('1 selected').waitFor();
      await page.keyboard.press('j');
      await page.keyboard.press('k');
      await page.locator('.row-link').first().focus();
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/);
      await page.getByRole('button', { name: 'Retry' }).waitFor();
      await page.keyboard.press('r');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('g');
      await page.keyboard.press('j');
      await page.waitForURL(/\/jobs$/);
      await page.waitForSelector('#filter');
      await page.keyboard.press('/');
      await page.keyboard.type('state:dead');
      await page.keyboard.press('Enter');
      await page.waitForURL(/filter=state%3Adead/);
    });
  });

  test('work is done by keys alone', async () => {
    await withTab(world, {}, async (page) => {
      const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
      const at = (words) => page.evaluate((text) => document.activeElement?.textContent.trim() === text, words);
      const reach = async (words, key) => {
        for (let turn = 0; turn < 150; turn++) {
          if (await at(words)) return;
          await press(key);
        }
        assert.fail(`${words} is not reached by ${key}`);
      };
      await page.goto(world.url + '/');
      await page.locator('.tile').first().waitFor();
      await press('g', 'd');
      await page.waitForSelector('.row-link');
      await press('j', 'x');
      await page.getByText('1 selected').waitFor();
      await reach('Retry', 'Shift+Tab');
      await press('Enter');
      await page.getByRole('dialog', { name: 'Retry 1 jobs?' }).waitFor();
      await press('Enter');
      await page.getByText('1 of 1 jobs changed.').waitFor();

      await press('g', 'q');
      await page.waitForSelector('table.queues');
      await reach('Pause', 'Tab');
      await press('Enter');
      await page.getByRole('dialog').waitFor();
      await press('Enter');
      await page.locator('[data-state=paused]').waitFor();
      await reach('Resume', 'Tab');
      await press('Enter');
      await page.locator('[data-state=paused]').waitFor({ state: 'detached' });
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

  test('a chart is a table as well', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/');
      await page.waitForSelector('svg .curve', { state: 'attached' });
      const card = page.locator('.chart', { hasText: 'Depth' });
      await card.getByRole('button', { name: 'Table' }).click();
      await card.locator('tbody tr').nth(1).waitFor();
      assert.equal(await card.locator('thead th').count(), 5);
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

  test('a wrong filter is explained', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/jobs?filter=colour:red');
      await page.getByRole('alert').getByText("'colour' is nothing to filter by").waitFor();
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

describe('before there is anything', () => {
  let world;
  before(async () => {
    world = await makeWorld({ work: false });
  });
  after(() => world && world.stop());

  test('empty pages teach the command to type', async () => {
    await withTab(world, { bypassCSP: true }, async (page) => {
      for (const [path, command] of [['/', 'coterie enqueue'], ['/queues', 'coterie enqueue --queue'], ['/jobs', 'coterie enqueue'], ['/dead', 'coterie retry'], ['/workers', 'coterie worker'], ['/live', 'coterie worker']]) {
        await page.goto(world.url + path);
        await page.locator('.command code', { hasText: command }).waitFor();
        assert.deepEqual(await axe(page), [], path);
      }
    });
  });
});

describe('with accounts', () => {
  let world;
  before(async () => {
    world = await makeWorld({ calm: true, accounts: makeAccount('ann', 'viewer', 'correct horse') + makeAccount('bob', 'admin', 'battery staple') });
  });
  after(() => world && world.stop());

  const enter = async (page, name, password) => {
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
  };

  test('nothing is seen before, and a viewer changes nothing', async () => {
    await withTab(world, { bypassCSP: true }, async (page) => {
      await page.goto(world.url + '/queues');
      await page.getByLabel('Password').waitFor();
      assert.deepEqual(await axe(page), []);
      await enter(page, 'ann', 'wrong password');
      await page.getByRole('alert').waitFor();
      await enter(page, 'ann', 'correct horse');
      await page.locator('tbody tr').first().waitFor();
      assert.equal(await page.getByRole('button', { name: 'Pause' }).count(), 0);
      const status = await page.evaluate(async () => (await fetch('/api/v1/queues/mail/pause', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' })).status);
      assert.equal(status, 403);
      await page.getByRole('button', { name: 'Log out ann' }).click();
      await page.getByLabel('Password').waitFor();
      await enter(page, 'bob', 'battery staple');
      await page.getByRole('button', { name: 'Pause' }).first().waitFor();
    });
  });

  test('a page of another site can change nothing, whoever is logged in', async () => {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(world.url + '/');
      await enter(page, 'bob', 'battery staple');
      await page.locator('.tile').first().waitFor();
      const other = await context.newPage();
      await other.goto(world.url.replace('127.0.0.1', 'localhost') + '/healthz');
      await other.evaluate((url) => fetch(url + '/api/v1/queues/mail/pause', {
        method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}' }).catch(() => {}), world.url);
      await page.goto(world.url + '/queues');
      await page.locator('tbody tr').first().waitFor();
      assert.equal(await page.getByText('paused', { exact: true }).count(), 0);
    } finally {
      await context.close();
    }
  });
});
