// Every dialog, and the page to log in: accessible in both themes, on a phone and on a desk. Nothing is changed.
import test, { before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { makeWorld, makeAccount, launch, ask, wholeInEveryLook, withTab as withTabOf } from './world.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const look = { bypassCSP: true };
const withTab = (world, look, use) => withTabOf(browser, world, look, use);
const button = (name) => (page) => page.getByRole('button', { name, exact: true }).click();
const ofQueue = (name) => (page) => page.locator('tr', { has: page.locator('a', { hasText: /^mail$/ }) }).getByRole('button', { name }).click();

describe('dialogs', () => {
  let world;
  let dialogs;
  before(async () => {
    world = await makeWorld({ calm: true });
    const of = async (filter) => '/jobs/' + (await ask(world, `/jobs?filter=${filter}&limit=1`)).jobs[0].id;
    const dead = await of('state:dead%20queue:billing');
    dialogs = [
      ['/', 'Keyboard', (page) => page.keyboard.press('?')],
      ['/queues', 'Pause mail?', ofQueue('Pause')],
      ['/queues', 'Drain mail?', ofQueue('Drain')],
      [await of('queue:mail'), 'Cancel this job?', button('Cancel')],
      [dead, 'Retry this job?', button('Retry')],
      [dead, 'Enqueue charge card once more?', button('Clone')],
      ['/dead?filter=queue:billing', 'Retry 4 jobs?', button('Retry all that match')],
      ['/jobs?filter=queue:mail%20state:ready', 'Cancel 7 jobs?', button('Cancel all that match')],
      ['/jobs?filter=state:dead%20queue:billing', 'Forget 4 jobs for good?', button('Forget all that match')],
    ];
  });
  after(() => world && world.stop());

  test('each is accessible', async () => {
    await withTab(world, look, async (page) => {
      for (const [path, title, open] of dialogs) {
        await page.goto(world.url + path);
        await page.locator('main .card, main .tile, main .scroll').first().waitFor();
        await open(page);
        await page.getByRole('dialog', { name: title }).waitFor();
        await wholeInEveryLook(page, title);
      }
    });
  });

  test('each is left by Escape, and changes nothing', async () => {
    const counts = () => Promise.all(['queue:mail%20state:ready', 'state:cancelled', 'state:dead'].map(async (filter) => (await ask(world, '/count?filter=' + filter)).count));
    const paused = async () => (await ask(world, '/overview')).queues.map((queue) => queue.paused);
    const before = [await counts(), await paused()];
    await withTab(world, {}, async (page) => {
      for (const [path, title, open] of dialogs) {
        await page.goto(world.url + path);
        await page.locator('main .card, main .tile, main .scroll').first().waitFor();
        await open(page);
        await page.getByRole('dialog', { name: title }).waitFor();
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
      }
    });
    assert.deepEqual([await counts(), await paused()], before);
  });

  test('what was wrong is told accessibly', async () => {
    await withTab(world, look, async (page) => {
      await page.goto(world.url + dialogs[5][0]);
      await button('Clone')(page);
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Arguments').fill('{"no": ');
      await dialog.getByRole('button', { name: 'Clone' }).click();
      await dialog.getByRole('alert').waitFor();
      await wholeInEveryLook(page, 'clone, refused');
    });
  });
});

describe('with accounts', () => {
  let world;
  before(async () => {
    world = await makeWorld({ calm: true, accounts: makeAccount('olaf', 'operator', 'pw-of-olaf') });
  });
  after(() => world && world.stop());

  test('the login and what an operator may clone are accessible', async () => {
    await withTab(world, look, async (page) => {
      await page.goto(world.url + '/dead');
      await page.getByLabel('Password').waitFor();
      await wholeInEveryLook(page, 'login');
      await page.getByLabel('Name').fill('olaf');
      await page.getByLabel('Password').fill('pw-of-olaf');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.locator('.row-link').first().click();
      await button('Clone')(page);
      await page.getByRole('dialog').getByLabel('Arguments').and(page.locator('[readonly]')).waitFor();
      await wholeInEveryLook(page, 'clone as it is');
    });
  });
});
