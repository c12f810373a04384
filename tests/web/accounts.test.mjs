// Who is logged in, and what that is good for: accounts of a dashboard, and a page of another site.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { makeAccount, axe, eventually } from './world.mjs';
import { withTab, useWorld, logIn } from './suite.mjs';

describe('with accounts', () => {
  const world = useWorld({ calm: true, accounts: makeAccount('ann', 'viewer', 'correct horse') + makeAccount('bob', 'admin', 'battery staple') });

  test('nothing is seen before, and a viewer changes nothing', async () => {
    await withTab(world, { bypassCSP: true }, async (page) => {
      await page.goto(world.url + '/queues');
      await page.getByLabel('Password').waitFor();
      assert.deepEqual(await axe(page), []);
      await logIn(page, 'ann', 'wrong password');
      await page.getByRole('alert').waitFor();
      await logIn(page, 'ann', 'correct horse');
      await page.locator('tbody tr').first().waitFor();
      assert.equal(await page.getByRole('button', { name: 'Pause' }).count(), 0);
      const status = await page.evaluate(async () => (await fetch('/api/v1/queues/mail/pause', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' })).status);
      assert.equal(status, 403);
      await page.getByRole('button', { name: 'Log out ann' }).click();
      await page.getByLabel('Password').waitFor();
      await logIn(page, 'bob', 'battery staple');
      await page.getByRole('button', { name: 'Pause' }).first().waitFor();
    });
  });

  test('a session that has ended leads to the login, and from there back', async () => {
    await withTab(world, {}, async (page, context) => {
      await page.goto(world.url + '/jobs?filter=queue:mail');
      await logIn(page, 'ann', 'correct horse');
      await page.locator('tbody tr').first().waitFor();
      await context.clearCookies();
      await page.getByRole('link', { name: 'Queues' }).click();
      await page.getByRole('link', { name: 'Jobs' }).click();
      await page.getByLabel('Password').waitFor();
      await logIn(page, 'ann', 'correct horse');
      await page.locator('tbody tr').first().waitFor();
    });
  });

  test('a page of another site can change nothing, whoever is logged in', async () => {
    await withTab(world, {}, async (page, context) => {
      await page.goto(world.url + '/');
      await logIn(page, 'bob', 'battery staple');
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
    });
  });
});
