// Every dialog, accessible; nothing is changed.
import test, { before } from 'node:test';
import assert from 'node:assert/strict';
import { ask } from './world.mjs';
import { withTab } from './suite.mjs';

const button = (name) => (page) => page.getByRole('button', { name, exact: true }).click();
const ofQueue = (name) => (page) => page.locator('tr', { has: page.locator('a', { hasText: /^mail$/ }) }).getByRole('button', { name }).click();

export function dialogs(world, look) {
  let all;
  before(async () => {
    const of = async (filter) => '/jobs/' + (await ask(world, `/jobs?filter=${filter}&limit=1`)).jobs[0].id;
    const dead = await of('state:dead%20queue:billing');
    all = [
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

  test('each is accessible', async () => {
    await withTab(world, { bypassCSP: true }, async (page) => {
      for (const [path, title, open] of all) {
        await page.goto(world.url + path);
        await page.locator('main .card, main .tile, main .scroll').first().waitFor();
        await open(page);
        await page.getByRole('dialog', { name: title }).waitFor();
        await look(page, title);
      }
    });
  });

  test('each is left by Escape, and changes nothing', async () => {
    const counts = () => Promise.all(['queue:mail%20state:ready', 'state:cancelled', 'state:dead'].map(async (filter) => (await ask(world, '/count?filter=' + filter)).count));
    const paused = async () => (await ask(world, '/overview')).queues.map((queue) => queue.paused);
    const before = [await counts(), await paused()];
    await withTab(world, {}, async (page) => {
      for (const [path, title, open] of all) {
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
    await withTab(world, { bypassCSP: true }, async (page) => {
      await page.goto(world.url + all[5][0]);
      await button('Clone')(page);
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Arguments').fill('{"no": ');
      await dialog.getByRole('button', { name: 'Clone' }).click();
      await dialog.getByRole('alert').waitFor();
      await look(page, 'clone, refused');
    });
  });
}
