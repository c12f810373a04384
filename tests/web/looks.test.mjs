// Pages where not all is well, or not all is allowed: no jobs yet, who has to log in, a viewer, --read-only, a worker that
// is silent, a broker that is away. Accessible in both themes, on a phone and on a desk.
import test, { before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { bin, makeAccount, ask, visit, drawn, settled, wholeInEveryLook } from './world.mjs';
import { withTab, useWorld, logIn } from './suite.mjs';

describe('before there is anything', () => {
  const world = useWorld({ work: false });

  test('empty pages teach the command to type', async () => {
    await withTab(world, { bypassCSP: true }, async (page) => {
      for (const [path, command] of [['/', 'coterie enqueue'], ['/queues', 'coterie enqueue --queue'], ['/jobs', 'coterie enqueue'], ['/workers', 'coterie worker'], ['/live', 'coterie worker']]) {
        await page.goto(world.url + path);
        await page.locator('.command code', { hasText: command }).waitFor();
        await wholeInEveryLook(page, `empty ${path}`);
      }
      await page.goto(world.url + '/dead');
      await page.getByText('No job has failed for good').waitFor();  // so there is nothing to type
      assert.equal(await page.locator('.command').count(), 0);
      await wholeInEveryLook(page, 'empty /dead');
    });
  });

  test('the command that is taught puts a job where this page looks', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/queues');
      const command = await page.locator('.command code').textContent();
      execFileSync('sh', ['-c', command], { cwd: tmpdir(), env: { ...process.env, PATH: `${dirname(bin)}:${process.env.PATH}`, COTERIE_BROKER: '' } });
      await page.locator('table.queues').getByRole('link', { name: 'mail', exact: true }).waitFor();
      assert.equal((await ask(world, '/overview')).counts.ready, 1);
    });
  });
});

describe('where not all is well', () => {
  const world = useWorld({
    kind: 'redis', calm: true, stuck: [['idle', 'spare:1']], accounts: makeAccount('vera', 'viewer', 'pw-of-vera') + makeAccount('olaf', 'operator', 'pw-of-olaf'),
  });
  const withLook = (use, its = world) => withTab(its, { bypassCSP: true }, use);
  const open = {};  // a dashboard for everybody, that changes nothing
  const pages = ['/', '/queues', '/jobs', '/dead', '/workers', '/live?worker=host-7%3A4711'];
  before(async () => {
    Object.assign(open, await world.dashboard('--read-only'));
    const { jobs } = await ask(open, '/jobs?filter=state:leased%20name:import&limit=1');
    pages.push('/jobs/' + jobs[0].id);
  });
  /** All pages, without loading anything again. */
  const look = async (page, who, there) => {
    for (const path of pages) {
      await visit(page, path);
      await page.waitForFunction((to) => location.pathname + location.search === to && document.querySelector('h1'), path);
      if (path === '/') await drawn(page);
      await there(path);
      await wholeInEveryLook(page, `${who} at ${path}`);
    }
  };

  test('the login and what an operator may clone are accessible', async () => {
    await withLook(async (page) => {
      await page.goto(world.url + '/dead');
      await page.getByLabel('Password').waitFor();
      await wholeInEveryLook(page, 'login');
      await logIn(page, 'olaf');
      await page.locator('.row-link').first().click();
      await page.getByRole('button', { name: 'Clone', exact: true }).click();
      await page.getByRole('dialog').getByLabel('Arguments').and(page.locator('[readonly]')).waitFor();
      await wholeInEveryLook(page, 'clone as it is');
    });
  });

  const changesNothing = async (page, path) => {
    const names = await page.locator('main').getByRole('button', { name: /^(Pause|Drain|Retry|Cancel|Clone|Forget)/ }).allTextContents();
    assert.deepEqual(names, path.startsWith('/live') ? ['Pause'] : [], path);  // what is followed there
  };

  test('a viewer sees pages that are accessible', async () => {
    await withLook(async (page) => {
      await page.goto(world.url + '/');
      await logIn(page, 'vera');
      await look(page, 'a viewer', async (path) => {
        if (path.startsWith('/live')) await page.getByText('is for operators').waitFor();
        else await settled(page);
        await changesNothing(page, path);
      });
    });
  });

  test('so does everybody with --read-only', async () => {
    await withLook(async (page) => {
      await page.goto(open.url + '/');
      await page.getByText('Read only').waitFor();
      await look(page, 'read only', async (path) => {
        await settled(page);
        await changesNothing(page, path);
      });
    }, open);
  });

  test('a worker that is silent', async () => {
    await withLook(async (page) => {
      world.workers[0].kill('SIGSTOP');
      for (const path of ['/live?worker=spare%3A1', '/workers']) {
        await page.goto(open.url + path);
        await page.getByText(path === '/workers' ? 'spare:1' : 'No answer within 2 s').first().waitFor();
        await wholeInEveryLook(page, `silent at ${path}`);
      }
      world.workers[0].kill('SIGCONT');
    }, open);
  });

  test('a broker that goes away is said on each page, and no old number goes for a new one', async () => {
    await withLook(async (page, _, problems) => {
      await page.goto(world.url + '/');
      await logIn(page, 'olaf');
      await page.waitForFunction(() => document.querySelector('.live')?.dataset.status === 'live');
      await drawn(page);
      world.servers[0].kill('SIGKILL');
      await page.waitForFunction(() => document.querySelector('.live')?.dataset.status === 'away');
      const answer = await fetch(open.url + '/api/v1/overview');
      assert.equal(answer.status, 503);
      assert.equal((await answer.json()).error.code, 'broker_unavailable');
      const refused = page.waitForResponse((response) => response.url().includes('/api/v1/jobs?'));
      await visit(page, '/jobs');
      const json = await (await refused).json();
      await page.route('**/api/v1/**', (route) => route.fulfill({ status: 503, json }));  // what it takes seconds to say
      for (const path of pages) {
        await visit(page, path);
        if (path !== '/' && path !== '/queues') await page.getByRole('alert').waitFor();
        for (const width of [390, 1280]) {
          await page.setViewportSize({ width, height: 860 });
          await page.getByText(/^The broker is away\.\s+Numbers are as of \d\d:\d\d:\d\d\.$/).waitFor();
        }
        await wholeInEveryLook(page, `away at ${path}`);
      }
      assert.deepEqual(problems.splice(0).filter((problem) => !/status of 503/.test(problem)), []);  // the browser tells of each
    });
  });
});
