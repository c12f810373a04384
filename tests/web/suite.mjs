// What the tests of a file share: a browser, and in each describe a world.
import { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { makeWorld, launch, tab, patience } from './world.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser && browser.close());

/** A world as makeWorld() makes it: there before the first test of this describe, and gone behind the last. */
export function useWorld(how) {
  const world = {};
  before(async () => Object.assign(world, await makeWorld(how)));
  after(() => world.stop && world.stop());
  return world;
}

/** A tab whose problems must be none in the end. */
export async function withTab(world, options, use) {
  const problems = [];
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patience);
  try {
    const page = await tab(context, world.url, problems);
    await use(page, context, problems);
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

export async function logIn(page, name, password = 'pw-of-' + name) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}
