// What can be seen without a browser.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const web = join(process.env.COTERIE_SOURCE, 'web');
const sources = readdirSync(web).filter((name) => name.endsWith('.js'));

const { words, waits, errors } = await import(join(web, 'words.js'));

test('both languages say the same', () => {
  for (const [key, both] of Object.entries(words)) {
    assert.equal(both.length, 2, key);
    const holes = (text) => (text.match(/\{\w+\}/g) || []).sort().join();
    assert.equal(holes(both[1]), holes(both[0]), key);
    assert.ok(both.every((text) => text), key);
  }
});

test('one job is not "1 jobs"', async () => {
  for (const [key, [text]] of Object.entries(words)) assert.doesNotMatch(text, /\{\w+\} (more )?(jobs|tasks|queues|slots|workers)\b/, key);
  Object.assign(globalThis, { localStorage: { getItem: () => 'en', setItem: () => {} }, document: { documentElement: {} } });
  const { t } = await import(join(web, 'text.js'));
  assert.equal(t('bulk_cancel', { count: 1 }), 'Cancel 1 job?');
  assert.equal(t('bulk_cancel', { count: '1' }), 'Cancel 1 job?');
  for (const count of ['0', '2', '21', '1,000']) assert.equal(t('bulk_cancel', { count }), `Cancel ${count} jobs?`);
  assert.match(t('drain_text', { waiting: '1' }), /^1 job waits here, and is cancelled\./);
  assert.match(t('pause_text', { ready: '1' }), /: 1 waits now\./);
});

test('a duration is written in the language of its reader', async () => {
  const { duration, ago, setLanguage } = await import(join(web, 'text.js'));
  const all = [12, 1500, 20000, 200000, 7500000, 3600000, 356400000];
  setLanguage('zh');
  assert.deepEqual(all.map(duration), ['12毫秒', '1.5秒', '20秒', '3分20秒', '2小时05分', '1小时', '4天3小时']);
  assert.equal(ago(0, 200000), '3分20秒前');
  setLanguage('en');
  assert.deepEqual(all.map(duration), ['12 ms', '1.5 s', '20 s', '3m 20s', '2h 05m', '1h 00m', '4d 3h']);
});

test('every word that is asked for is there, and none is there in vain', () => {
  const all = sources.filter((name) => name !== 'words.js').map((name) => readFileSync(join(web, name), 'utf8')).join('\n');
  for (const [, key] of all.matchAll(/\bt\('(\w+)'[),]/g)) assert.ok(key in words, `t('${key}')`);
  // Some are put together: t('bulk_' + action), t(action + '_title'); and a state is what the API says.
  const made = /^bulk_(retry|cancel|purge)$|^(retry|cancel)_(title|text)$|^(newest|oldest)_first$|^(pause|drain)_(title|text)$|^worker_(alive|lost|ended|unknown)$|^outcome_\w+$/;
  for (const key of Object.keys(words)) assert.ok(made.test(key) || new RegExp(`['"]${key}['"]`).test(all), `${key} is never used`);
});

test('whatever a task can wait for has words in Chinese', () => {
  const source = readFileSync(join(process.env.COTERIE_SOURCE, 'src', 'core', 'leaf.cpp'), 'utf8');
  const kinds = [...source.matchAll(/case WaitKind::\w+:\s+return "([^"]+)";/g)].map((found) => found[1]);
  assert.ok(kinds.length > 20);
  for (const kind of kinds) assert.ok(waits[kind], kind);
});

test('whatever the API can refuse has words in Chinese', () => {
  const contract = JSON.parse(readFileSync(join(process.env.COTERIE_SOURCE, 'src', 'dashboard', 'openapi.json'), 'utf8'));
  const { enum: codes, 'x-status': statuses } = contract.components.schemas.Error.properties.error.properties.code;
  assert.ok(codes.length > 20);
  const never = ['wrong_host', 'method_not_allowed', 'not_json'];  // what no page of ours does
  for (const code of codes) if (!never.includes(code)) assert.ok(errors[code] || errors[statuses[code]], code);
  for (const code of Object.keys(errors)) assert.ok(/^\d+$/.test(code) || code === 'unreachable' || codes.includes(code), `${code} is never said`);
});

test('nothing makes markup or code out of text', () => {
  for (const name of sources) {
    const text = readFileSync(join(web, name), 'utf8');
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|\beval\(|new Function|javascript:/, name);
    assert.doesNotMatch(text, /https?:\/\//, `${name} names another place`);
  }
});
