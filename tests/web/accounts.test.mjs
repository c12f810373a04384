// Who is logged in, and what that is good for: accounts of a dashboard, and a page of another site.
import test, { before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { makeWorld, makeAccount, launch, axe, patience, eventually, withTab as withTabOf } from './world.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const withTab = (world, options, use) => withTabOf(browser, world, options, use);

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

  test('a session that has ended leads to the login, and from there back', async () => {
    await withTab(world, {}, async (page, context) => {
      await page.goto(world.url + '/jobs?filter=queue:mail');
      await enter(page, 'ann', 'correct horse');
      await page.locator('tbody tr').first().waitFor();
      await context.clearCookies();
      await page.getByRole('link', { name: 'Queues' }).click();
      await page.getByRole('link', { name: 'Jobs' }).click();
      await page.getByLabel('Password').waitFor();
      await enter(page, 'ann', 'correct horse');
      await page.locator('tbody tr').first().waitFor();
    });
  });

  test('a page of another site can change nothing, whoever is logged in', async () => {
    const context = await browser.newContext();
    context.setDefaultTimeout(patience);
    try {
      const page = await context.newPage();
      await page.goto(world.url + '/');
      await enter(page, 'bob', 'battery staple');
      await page.locator('.tile').first().waitFor();
      const other = await context.newPage();
      await other.goto(world.url.replace('127.0.0.1', 'localhost') + '/healthz');
      await other.evaluate((url) => fetch(url + '/api/v1/queues/mail/pause', {
        method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}' }).catch(() => {}), world.url);
      // The broker was asked after it, and says that nothing has changed.
      const asked = Date.now();
      const queues = await eventually(() => page.evaluate(async (time) => {
        const overview = await (await fetch('/api/v1/overview')).json();
        return overview.at_ms > time && overview.queues;
      }, asked + 1000));
      assert.deepEqual([...new Set(queues.map((queue) => queue.paused))], [false]);
    } finally {
      await context.close();
    }
  });
});
