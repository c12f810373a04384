// Every dialog, and the page to log in: accessible in both themes, on a phone and on a desk. Nothing is changed.
import test, { before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { makeWorld, makeAccount, launch, axe, ask, withTab as withTabOf } from './world.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const looks = ['light', 'dark'].flatMap((colorScheme) => [390, 1280].map((width) => ({ colorScheme, viewport: { width, height: 860 }, bypassCSP: true })));
const named = (look) => `${look.colorScheme}, ${look.viewport.width} px`;
const withTab = (world, look, use) => withTabOf(browser, world, look, use);
const button = (name) => (page) => page.getByRole('button', { name, exact: true }).click();
const ofQueue = (name) => (page) => page.locator('tr', { has: page.locator('a', { hasText: /^mail$/ }) }).getByRole('button', { name }).click();

async function whole(page, what) {
  assert.deepEqual(await axe(page), [], what);
  const wide = await page.evaluate(() => Math.max(document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll('dialog')].map((d) => d.getBoundingClientRect().right - innerWidth)));
  assert.ok(wide <= 0, `${what} is ${wide} px too wide`);
}

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

  for (const look of looks)
    test(`each is accessible, ${named(look)}`, async () => {
      await withTab(world, look, async (page) => {
        for (const [path, title, open] of dialogs) {
          await page.goto(world.url + path);
          await page.locator('main .card, main .tile, main .scroll').first().waitFor();
          await open(page);
          await page.getByRole('dialog', { name: title }).waitFor();
          await whole(page, title);
        }
      });
    });

  test('each is left by Escape, and changes nothing', async () => {
    const before = (await ask(world, '/overview')).queues.find((queue) => queue.name === 'mail');
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
    const now = (await ask(world, '/overview')).queues.find((queue) => queue.name === 'mail');
    assert.deepEqual([now.counts, now.paused], [before.counts, before.paused]);
  });

  for (const look of looks)
    test(`what was wrong is told accessibly, ${named(look)}`, async () => {
      await withTab(world, look, async (page) => {
        await page.goto(world.url + dialogs[5][0]);
        await button('Clone')(page);
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Arguments').fill('{"no": ');
        await dialog.getByRole('button', { name: 'Clone' }).click();
        await dialog.getByRole('alert').waitFor();
        await whole(page, 'clone, refused');
      });
    });
});

describe('with accounts', () => {
  let world;
  before(async () => {
    world = await makeWorld({ calm: true, accounts: makeAccount('olaf', 'operator', 'pw-of-olaf') });
  });
  after(() => world && world.stop());

  for (const look of looks)
    test(`the login and what an operator may clone are accessible, ${named(look)}`, async () => {
      await withTab(world, look, async (page) => {
        await page.goto(world.url + '/dead');
        await page.getByLabel('Password').waitFor();
        await whole(page, 'login');
        await page.getByLabel('Name').fill('olaf');
        await page.getByLabel('Password').fill('pw-of-olaf');
        await page.getByRole('button', { name: 'Log in' }).click();
        await page.locator('.row-link').first().click();
        await button('Clone')(page);
        await page.getByRole('dialog').getByLabel('Arguments').and(page.locator('[readonly]')).waitFor();
        await whole(page, 'clone as it is');
      });
    });
});
