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
const bin = join(process.env.COTERIE_BIN, 'coterie');
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
    setTimeout(() => child.kill('SIGKILL'), 8000).unref();
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
  const port = await freePort();
  const server = start('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    /Ready to accept connections/);
  await server.said;
  return { url: `redis://127.0.0.1:${port}`, children: [server.child] };
}

export function makeAccount(name, role, password) {
  return execFileSync(bin, ['dashboard', '--new-account', `${name}=${role}`], { input: password + '\n', encoding: 'utf8' });
}

/** `stuck`: workers of web_stuck_agent, [how, name] each. `many`: so many jobs wait in the queue "archive".
 * @param {{kind?: string, work?: boolean, calm?: boolean, many?: number, flags?: string[], accounts?: string, stuck?: string[][]}} how */
export async function makeWorld({ kind = 'sqlite', work = true, calm = false, many = 0, flags = [], accounts = '', stuck = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-web-'));
  const store = await broker(kind, folder);
  const children = [...store.children];
  if (accounts) {
    writeFileSync(join(folder, 'accounts'), accounts, { mode: 0o600 });
    flags = [...flags, '--accounts', join(folder, 'accounts')];
  }
  if (work) {
    const worker = start(agent, [store.url, ...(calm ? ['--calm'] : []), '--many', String(many)], /^ready$/m);
    children.push(worker.child);
    await worker.said;
  }
  const workers = [];
  for (const [how, name] of stuck) {
    const worker = start(stuckAgent, [store.url, how, name], /^ready$/m);
    children.push(worker.child);
    workers.push(worker.child);
    await worker.said;
  }
  const shown = start(bin, ['dashboard', '--broker', store.url, '--listen', '127.0.0.1:0', ...flags], /http:\S+/);
  children.push(shown.child);
  const url = (await shown.said).replace(/\/$/, '');
  const stop = async () => {
    for (const child of children.reverse()) await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, stop, broker: store.url, workers };
}

export function launch() {
  return chromium.launch({ executablePath: process.env.COTERIE_CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

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

/** A tab whose problems must be none in the end. */
export async function withTab(browser, world, options, use) {
  const problems = [];
  const context = await browser.newContext(options);
  try {
    const page = await tab(context, world.url, problems);
    await use(page, context, problems);
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

export async function ask(world, path, body) {
  const response = await fetch(world.url + '/api/v1' + path, body === undefined ? {} : {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  return response.json();
}
