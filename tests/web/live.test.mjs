// Workers and Live in Chromium, against workers that are stuck.
import test, { after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { bin, makeAccount, ask, whole, wholeInEveryLook, seen, eventually } from './world.mjs';
import { withTab, useWorld, logIn } from './suite.mjs';

for (const kind of ['sqlite', 'redis']) {
  describe(`stuck workers on ${kind}`, () => {
    const world = useWorld({ kind, work: false, stuck: [['idle', 'spare:1'], ['deadlock', 'bank:7']] });

    test(`Workers, Live and a running job are whole and accessible${kind === 'sqlite' ? ' in both themes, on a phone and on a desk' : ''}`, async () => {
      await withTab(world, { bypassCSP: true }, async (page) => {
        const [job] = (await ask(world, '/jobs?filter=state:leased&limit=1')).jobs;
        for (const [path, there] of [['/workers', 'spare:1'], ['/live?worker=bank%3A7', 'Deadlock'], ['/live?worker=spare%3A1', 'Loop 1'], ['/jobs/' + job.id, 'Deadlock']]) {
          await page.goto(world.url + path);
          await seen(page, page.locator('main h2', { hasText: there }).first());
          await (kind === 'sqlite' ? wholeInEveryLook : whole)(page, path);
        }
      });
    });

    test('workers without work are seen, and the command sees the same', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/workers');
        const spare = page.locator('section', { has: page.locator('h2', { hasText: 'spare:1' }) });
        await spare.getByText('alive').waitFor();
        await spare.getByText('0 of 4 slots taken').waitFor();
        const version = execFileSync(bin, ['--version'], { encoding: 'utf8' }).trim();
        assert.match(version, /^coterie \d+\.\d+/);
        await spare.getByText(` · ${version} · `).waitFor();
        const bank = page.locator('section', { has: page.locator('h2', { hasText: 'bank:7' }) });
        assert.equal(await bank.locator('tbody tr').count(), 2);
      });
      const listed = execFileSync(bin, ['workers', '--broker', world.broker], { encoding: 'utf8' });
      assert.match(listed, /spare:1 .* alive +0\/4 /);
      const dump = await eventually(() => {
        try {
          return JSON.parse(execFileSync(bin, ['dump', '--json', '--broker', world.broker, 'bank:7'], { encoding: 'utf8' }));
        } catch {
          return null;  // no answer within 2 s: it is asked again
        }
      });
      assert.equal(dump.loops.flatMap((loop) => loop.deadlocks).length, 1);
    });

    test('Live is reached and read by keys, in both languages', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/');
        await page.locator('h1').waitFor();
        await page.keyboard.press('g');
        await page.keyboard.press('l');
        await page.getByRole('link', { name: 'bank:7' }).focus();
        await page.keyboard.press('Enter');
        await page.locator('.deadlock').waitFor();
        const task = page.locator('.task[data-stuck] > details').first();
        assert.equal(await task.getAttribute('open') !== null, true);
        await task.locator('summary').focus();
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => document.querySelector('.task[data-stuck] > details').open === false);
        await page.getByRole('button', { name: '中文' }).click();
        await page.locator('.deadlock h2', { hasText: '死锁' }).waitFor();
        await page.locator('.task[data-stuck]').getByText('等待一把锁', { exact: false }).first().waitFor();
      });
    });

    // With nothing but what is on the page, from its front: why does this worker not end its jobs, what can be done,
    // and did it help?
    test('a stranger finds a deadlock, and cancels one of its jobs', async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/');
        await page.getByRole('link', { name: 'Workers' }).click();
        const bank = page.locator('section', { has: page.locator('h2', { hasText: 'bank:7' }) });
        await bank.locator('header').getByRole('link', { name: 'Live' }).click();
        const deadlock = page.locator('.deadlock');
        await deadlock.getByText('None of them goes on', { exact: false }).or(deadlock.getByText('none of them goes on')).first().waitFor();
        const words = await deadlock.locator('ol li').allTextContents();
        assert.equal(words.length, 2);
        for (const line of words) assert.match(line, /transfer.*waits for a lock that is held by.*transfer/s);
        assert.match(await page.locator('.task[data-stuck]').first().textContent(), /waits for a lock “(savings|current)” of #\d+.*book.*stuck_agent\.cpp:\d+/s);

        await deadlock.getByRole('link', { name: 'Job' }).first().click();
        await page.locator('h1', { hasText: 'transfer' }).waitFor();
        const stack = page.locator('section', { has: page.getByRole('heading', { name: 'Its live stack' }) });
        await seen(page, stack.locator('.stack').getByText('stuck_agent.cpp', { exact: false }).first());
        await stack.getByRole('link', { name: 'The whole process' }).click();
        await page.locator('.task[data-chosen]').waitFor();
        await page.goBack();
        await page.getByRole('button', { name: 'Cancel' }).click();
        await page.getByRole('button', { name: 'Go on' }).click();
        await page.locator('.under .state', { hasText: 'cancelled' }).waitFor();

        await page.getByRole('link', { name: 'Workers' }).click();
        await bank.getByText(/^0 of \d+ slots taken/).waitFor();
        await bank.locator('header').getByRole('link', { name: 'Live' }).click();
        await page.locator('section h2', { hasText: 'Loop' }).or(page.locator('summary h2')).first().waitFor();
        await page.locator('.deadlock').waitFor({ state: 'detached' });
        await page.getByRole('link', { name: 'Jobs', exact: true }).click();
        await page.locator('.states').getByRole('button', { name: 'done' }).click();
        await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
        await page.locator('tbody tr', { hasText: 'transfer' }).waitFor();
      });
    });

    test('a process that is stopped is said to be silent, and answers again', async () => {
      await withTab(world, {}, async (page) => {
        world.workers[0].kill('SIGSTOP');
        await page.goto(world.url + '/live?worker=spare%3A1');
        await page.getByText('No answer within 2 s').waitFor();
        world.workers[0].kill('SIGCONT');
        await page.keyboard.press('r');
        await page.locator('h2', { hasText: 'Loop' }).first().waitFor();
      });
    });
  });
}

describe('a worker whose loop is blocked', () => {
  after(() => world.workers && world.workers[0].kill('SIGKILL'));  // it hears nothing else
  const world = useWorld({ work: false, stuck: [['blocked', 'busy:3']] });

  test('is shown all the same, and where it is stuck', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/live');
      await page.getByText('UNSYNCHRONISED').waitFor();
      await page.getByText('This loop stands still', { exact: false }).waitFor();
      await page.locator('.task b', { hasText: 'resize' }).waitFor();
      await page.locator('pre', { hasText: 'pause' }).waitFor();
    });
  });

  test('and one that is killed is lost at once', async () => {
    await withTab(world, {}, async (page) => {
      world.workers[0].kill('SIGKILL');
      await page.goto(world.url + '/workers');
      await page.locator('section', { hasText: 'busy:3' }).getByText('lost', { exact: true }).waitFor();
      await page.goto(world.url + '/live?worker=busy%3A3');
      await page.getByText('This worker is lost').waitFor();
    });
  });
});

describe('before there is a worker', () => {
  const world = useWorld({ work: false });

  test('Live waits for one, shows it, stays with it when another one comes, and goes on to that one when it ends', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/live');
      await page.getByText('No worker is alive').waitFor();
      const first = await world.worker('idle', 'spare:1');
      await page.locator('h1', { hasText: 'spare:1' }).waitFor();
      await world.worker('idle', 'spare:2');
      await page.getByRole('link', { name: 'spare:2' }).waitFor();
      await page.locator('h1', { hasText: 'spare:1' }).waitFor();
      first.kill('SIGTERM');
      await page.locator('h1', { hasText: 'spare:2' }).waitFor();
    });
  });
});

describe('with accounts', () => {
  const world = useWorld({
    work: false, stuck: [['idle', 'spare:1']], accounts: makeAccount('vera', 'viewer', 'pw-of-vera') + makeAccount('olaf', 'operator', 'pw-of-olaf'),
  });

  for (const [name, may] of [['vera', false], ['olaf', true]])
    test(`${name} ${may ? 'sees' : 'does not see'} what tasks do`, async () => {
      await withTab(world, {}, async (page) => {
        await page.goto(world.url + '/live');
        await logIn(page, name);
        await page.locator('h1', { hasText: 'spare:1' }).waitFor();
        if (may) await page.locator('h2', { hasText: 'Loop' }).first().waitFor();
        else await page.getByText('is for operators', { exact: false }).waitFor();
        assert.equal(await page.locator('.task').count() > 0, may);
      });
    });
});
