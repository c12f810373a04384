// Many tabs of one browser at one dashboard.
import test from 'node:test';
import assert from 'node:assert/strict';
import { tab } from './world.mjs';
import { withTab } from './suite.mjs';

/** What is drawn goes on in each of them: by two points, which are two seconds apart. */
const goOn = async (tabs) => {
  const before = await Promise.all(tabs.map(async (page) => {
    await page.waitForSelector('svg .curve', { state: 'attached' });  // one that is flat is not "visible"
    return page.locator('svg .curve').first().evaluate((line) => line.getAttribute('d').split('L').length);
  }));
  await Promise.all(tabs.map((page, i) => page.waitForFunction(
    (more) => document.querySelector('svg .curve').getAttribute('d').split('L').length >= more, before[i] + 2)));
};
const isLive = (page) => page.waitForFunction(() => document.querySelector('.live')?.dataset.status === 'live');
const isStream = (request) => request.url().includes('/api/v1/events');

/** `alone`: also what becomes of tabs that share nothing, which no broker has a part in. */
export function tabs(world, alone) {
  // A browser has six connections to a server, and a stream keeps one: the tabs share theirs. What becomes of tabs that
  // do not is the next test, so this one fails where they do not: the seventh never gets its page.
  test('eight tabs of a browser are live together, by one stream', async () => {
    await withTab(world, {}, async (first, context, problems) => {
      const streams = new Set();
      context.on('request', (request) => isStream(request) && streams.add(request));
      context.on('requestfailed', (request) => streams.delete(request));
      context.on('requestfinished', (request) => streams.delete(request));
      const tabs = [first];
      while (tabs.length < 8) tabs.push(await tab(context, world.url, problems));
      for (const page of tabs) await page.goto(world.url + '/');
      for (const page of tabs) await isLive(page);
      await goOn(tabs);
      assert.equal(streams.size, 1);
    });
  });

  if (alone) test('without locks each tab has a stream, and the seventh has to wait for one of six to close', async () => {
    await withTab(world, {}, async (first, context, problems) => {
      await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
      const streamOf = (page) => page.waitForResponse((response) => isStream(response.request()));
      const tabs = [first];
      while (tabs.length < 6) tabs.push(await tab(context, world.url, problems));
      for (const page of tabs) {
        const stream = streamOf(page);
        await page.goto(world.url + '/');
        await stream;
      }
      const seventh = await tab(context, world.url, problems);
      let came = false;
      const coming = seventh.goto(world.url + '/').then(() => { came = true; });
      await goOn(tabs);
      assert.equal(came, false, 'the seventh has its page beside six streams');
      await tabs[0].close();
      await coming;
      await isLive(seventh);
    });
  });
}
