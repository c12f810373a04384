// What can be seen without a browser.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const web = join(process.env.COTERIE_SOURCE, 'web');
const sources = readdirSync(web).filter((name) => name.endsWith('.js'));

test('both languages have the same words', async () => {
  const { default: en } = await import(join(web, 'en.js'));
  const { default: zh } = await import(join(web, 'zh.js'));
  assert.deepEqual(Object.keys(zh).filter((key) => key !== 'waits').sort(), Object.keys(en).sort());
  for (const key of Object.keys(en)) {
    const holes = (text) => (text.match(/\{\w+\}/g) || []).sort().join();
    assert.equal(holes(zh[key]), holes(en[key]), key);
  }
});

test('one job is not "1 jobs"', async () => {
  const { default: en } = await import(join(web, 'en.js'));
  for (const [key, text] of Object.entries(en)) assert.doesNotMatch(text, /\{\w+\} (more )?(jobs|tasks|queues|slots|workers)\b/, key);
  Object.assign(globalThis, { localStorage: { getItem: () => 'en', setItem: () => {} }, document: { documentElement: {} } });
  const { t } = await import(join(web, 'text.js'));
  assert.equal(t('bulk_cancel', { count: 1 }), 'Cancel 1 job?');
  assert.equal(t('bulk_cancel', { count: '1' }), 'Cancel 1 job?');
  for (const count of ['0', '2', '21', '1,000']) assert.equal(t('bulk_cancel', { count }), `Cancel ${count} jobs?`);
  assert.match(t('drain_text', { waiting: '1' }), /^1 job waits here, and is cancelled\./);
  assert.match(t('pause_text', { ready: '1' }), /: 1 waits now\./);
});

test('every word that is asked for is there, and none is there in vain', async () => {
  const { default: en } = await import(join(web, 'en.js'));
  const all = sources.filter((name) => !['en.js', 'zh.js'].includes(name)).map((name) => readFileSync(join(web, name), 'utf8')).join('\n');
  for (const [, key] of all.matchAll(/\bt\('(\w+)'[),]/g)) assert.ok(key in en, `t('${key}')`);
  // Some are put together: t('bulk_' + action), t(action + '_title'); and a state is what the API says.
  const made = /^throttled$|^bulk_(retry|cancel|purge)$|^(retry|cancel)_(title|text)$|^(newest|oldest)_first$|^(pause|drain)_(title|text)$|^worker_(alive|lost|ended|unknown)$|^outcome_\w+$/;
  for (const key of Object.keys(en)) assert.ok(made.test(key) || new RegExp(`['"]${key}['"]`).test(all), `${key} is never used`);
});

test('whatever a task can wait for has words in Chinese', async () => {
  const { default: zh } = await import(join(web, 'zh.js'));
  const source = readFileSync(join(process.env.COTERIE_SOURCE, 'src', 'core', 'leaf.cpp'), 'utf8');
  const kinds = [...source.matchAll(/case WaitKind::\w+:\s+return "([^"]+)";/g)].map((found) => found[1]);
  assert.ok(kinds.length > 20);
  for (const kind of kinds) assert.ok(zh.waits[kind], kind);
});

test('nothing makes markup or code out of text', () => {
  for (const name of sources) {
    const text = readFileSync(join(web, name), 'utf8');
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|\beval\(|new Function|javascript:/, name);
    assert.doesNotMatch(text, /https?:\/\//, `${name} names another place`);
  }
});
