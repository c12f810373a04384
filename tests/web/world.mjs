// A broker with work, a dashboard, and a browser: what every test here begins with.
import assert from 'node:assert/strict';
import { spawn, execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(join(process.env.COTERIE_WEB_MODULES, 'package.json'));
export const { chromium } = require('playwright-core');
export const axeSource = require('axe-core').source;
export const bin = join(process.env.COTERIE_BIN, 'coterie');
const agent = join(process.env.COTERIE_BUILD, 'tests', 'web_agent');
const stuckAgent = join(process.env.COTERIE_BUILD, 'tests', 'web_stuck_agent');

/** Starts a program and waits for a line that it prints. */
function start(command, args, expected) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  const said = new Promise((done, fail) => {
    child.stdout.on('data', (text) => {
      out += text;
      const found = expected.exec(out);
      if (found) done(found[0]);
    });
    child.stderr.on('data', (text) => {
      out += text;
    });
    child.on('exit', (code) => fail(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${out}`)));
  });
  return { child, said };
}

function end(child) {
  return new Promise((done) => {
    if (child.exitCode != null || child.signalCode != null) return done();
    child.on('exit', done);
    child.kill('SIGCONT');  // a test may have stopped it
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 30000).unref();
  });
}

function freePort() {
  return new Promise((done) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

async function broker(kind, folder) {
  if (kind === 'sqlite') return { url: `sqlite://${join(folder, 'queue.db')}`, children: [] };
  for (let turn = 1;; turn++) {
    const port = await freePort();
    const server = start('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
      /Ready to accept connections/);
    try {
      await server.said;
      return { url: `redis://127.0.0.1:${port}`, children: [server.child] };
    } catch (error) {
      if (turn === 5) throw error;  // somebody else has taken the port
    }
  }
}

export function makeAccount(name, role, password) {
  return execFileSync(bin, ['dashboard', '--new-account', `${name}=${role}`], { input: password + '\n', encoding: 'utf8' });
}

/** `stuck`: workers of web_stuck_agent, [how, name] each. `many`: so many jobs wait in the queue "archive".
 * @param {{kind?: string, work?: boolean, calm?: boolean, many?: number, flags?: string[], accounts?: string, stuck?: string[][]}} how */
export async function makeWorld({ kind = 'sqlite', work = true, calm = false, many = 0, flags = [], accounts = '', stuck = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-web-'));
  const children = [];
  const stop = async () => {
    for (const child of children.reverse()) await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const run = async (command, args, expected) => {
    const { child, said } = start(command, args, expected);
    children.push(child);
    return { child, said: await said };
  };
  try {
    const store = await broker(kind, folder);
    children.push(...store.children);
    if (accounts) {
      writeFileSync(join(folder, 'accounts'), accounts, { mode: 0o600 });
      flags = [...flags, '--accounts', join(folder, 'accounts')];
    }
    if (work) await run(agent, [store.url, ...(calm ? ['--calm'] : []), '--many', String(many)], /^ready$/m);
    const worker = async (how, name) => (await run(stuckAgent, [store.url, how, name], /^ready$/m)).child;
    const workers = [];
    for (const [how, name] of stuck) workers.push(await worker(how, name));
    const dashboard = async (...its) => {
      const shown = await run(bin, ['dashboard', '--broker', store.url, '--listen', '127.0.0.1:0', ...its], /http:\S+(?=\s)/);
      return { url: shown.said.replace(/\/$/, '') };
    };
    return { ...await dashboard(...flags), stop, dashboard, broker: store.url, servers: store.children, worker, workers };
  } catch (error) {
    await stop();  // else what runs keeps this program, and who waits for it, for ever
    throw error;
  }
}

export function launch() {
  return chromium.launch({ timeout: patience, executablePath: process.env.COTERIE_CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** Milliseconds for whatever should be there at once: on a machine that does ten other things it is not. */
export const patience = 60000;

/** A tab that notes what must not be: errors of the console, requests to elsewhere. */
export async function tab(context, url, problems) {
  const page = await context.newPage();
  page.on('console', (message) => {
    // A refusal that a test provokes is told by the browser, too.
    if (['error', 'warning'].includes(message.type()) && !/status of 4\d\d/.test(message.text())) problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  await page.route('**/*', (route) => {
    if (route.request().url().startsWith(url)) return route.continue();
    problems.push(`outside: ${route.request().url()}`);
    return route.abort();
  });
  return page;
}

/** What axe finds; injected, so the page's policy must be left aside in this context. */
export async function axe(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + ' ' + (n.any[0] ? n.any[0].message : '')).join(' | ')}`);
}

/** Accessible, and no wider than the window. */
export async function whole(page, what) {
  assert.deepEqual(await axe(page), [], what);
  const wide = await page.evaluate(() => Math.max(document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll('dialog')].map((d) => d.getBoundingClientRect().right - innerWidth)));
  assert.ok(wide <= 0, `${what} is ${wide} px too wide`);
}

const shots = process.env.COTERIE_WEB_SHOTS;

/** The same in both themes, on a phone and on a desk: one page, looked at four times. */
export async function wholeInEveryLook(page, what) {
  for (const colorScheme of ['light', 'dark'])
    for (const width of [390, 1280]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 860 });
      await page.waitForFunction(() => [...document.querySelectorAll('.plot svg')].every((svg) => svg.clientWidth === svg.parentElement.clientWidth));
      const look = `${what}-${colorScheme}-${width}`;
      if (shots) await page.screenshot({ path: `${shots}/${look.replace(/[^\w-]+/g, '_')}.png` });
      await whole(page, look);
    }
}

/** A page stands there with what it is about: no list is still to come. */
export const settled = (page) => page.waitForFunction(() => document.querySelector('h1') && !document.querySelector('#app').textContent.includes('Loading…'));

/** To another address of the app, as its links lead there: the page is not loaded again. */
export const visit = (page, path) => page.evaluate((to) => {
  history.pushState(null, '', to);
  dispatchEvent(new PopStateEvent('popstate'));
}, path);

/** All charts of a page are drawn. */
export const charts = 5;
export const drawn = (page) => page.waitForFunction((count) => document.querySelectorAll('.plot svg').length === count, charts);

/** News stand there for four seconds: they are looked for in the page itself, at each of its frames. */
export async function news(page, wanted) {
  const found = await page.waitForFunction(({ source, flags }) => new RegExp(source, flags).exec(document.querySelector('.news')?.textContent)?.[0],
    { source: wanted.source, flags: wanted.flags });
  return found.jsonValue();
}

/** A worker is asked for its tasks, and asked again where it did not answer within its 2 s: it shares a busy machine. */
export async function seen(page, wanted) {
  const silent = page.getByText('No answer within 2 s');
  for (let turn = 0; turn < 10; turn++) {
    await wanted.or(silent).first().waitFor();
    if (await wanted.isVisible()) return;
    const answered = page.waitForResponse((response) => response.url().endsWith('/tasks'));
    await page.getByRole('button', { name: 'Refresh' }).click();
    await answered;
  }
  await wanted.waitFor();
}

/** Until `check` gives something; what a broker or a worker does takes its time. */
export async function eventually(check) {
  for (const end = Date.now() + patience;;) {
    const found = await check();
    if (found) return found;
    assert.ok(Date.now() < end, `in vain: ${check}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export async function ask(world, path, body) {
  const response = await fetch(world.url + '/api/v1' + path, body === undefined ? {} : {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  return response.json();
}
