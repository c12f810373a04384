// The keyboard alone: every page is reached, and work is done.
import test from 'node:test';
import assert from 'node:assert/strict';
import { settled, news } from './world.mjs';
import { withTab } from './suite.mjs';

export function keys(world) {
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

  test('the focus goes along: to the title of a page, and in a dialog to what does no harm', async () => {
    await withTab(world, {}, async (page) => {
      const at = (words) => page.waitForFunction((text) => document.activeElement?.textContent.trim() === text, words);
      await page.goto(world.url + '/');
      await page.getByRole('link', { name: 'Queues' }).click();
      await at('Queues');
      assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1');
      await page.getByRole('button', { name: 'Drain' }).first().click();
      await at('Back');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Pause' }).first().click();
      await at('Go on');
    });
  });

  test('single letters are keys until somebody turns them off', async () => {
    await withTab(world, {}, async (page) => {
      await page.goto(world.url + '/');
      await settled(page);
      await page.keyboard.press('?');
      await page.getByLabel('Single letters are keys').uncheck();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('?');
      assert.equal(await page.getByRole('dialog').count(), 0);
      await page.reload();
      await settled(page);
      await page.keyboard.press('?');
      await page.getByRole('button', { name: 'Keyboard' }).click();
      await page.getByLabel('Single letters are keys').check();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
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
      await page.getByRole('dialog', { name: 'Retry 1 job?' }).getByText('The job that you have selected.').waitFor();
      await press('Enter');
      await news(page, /^1 of 1 job changed\.$/);
      await page.getByRole('dialog').waitFor({ state: 'detached' });

      await press('g', 'q');
      await page.waitForSelector('table.queues');
      await reach('Pause', 'Tab');
      await press('Enter');
      await page.getByRole('dialog').waitFor();
      await press('Enter');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.locator('[data-state=paused]').waitFor();
      await reach('Resume', 'Tab');
      await press('Enter');
      await page.locator('[data-state=paused]').waitFor({ state: 'detached' });
    });
  });
}
