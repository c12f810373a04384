// @ts-check
// The one way to the server: requests, and one stream of changes for all tabs of a browser.

/** What the server refused, with its reason. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function read(response) {
  const text = await response.text();
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Not ours: a proxy's page.
  }
  if (response.ok && value) return value;
  // The session has ended: App asks who is there, and shows the login.
  if (response.status === 401 && !/(session|login)$/.test(new URL(response.url).pathname)) location.reload();
  const error = value && value.error;
  throw new ApiError(response.status, error ? error.code : 'http', error ? error.message : `HTTP ${response.status}`);
}

const send = (path, options) => fetch('/api/v1' + path, options).catch(() => {
  throw new ApiError(0, 'unreachable', 'the dashboard does not answer: is it still running?');
});

export async function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) if (value !== '' && value != null) query.set(key, String(value));
  const text = query.toString();
  return read(await send(path + (text ? '?' + text : ''), { headers: { Accept: 'application/json' } }));
}

/** A text as it is. */
export async function getText(path) {
  const response = await send(path);
  return response.ok ? response.text() : read(response);
}

export async function post(path, body = {}) {
  return read(await send(path, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  }));
}

/**
 * Changes many jobs step by step, each from where the answer before ended, until all are done or `tell` says no.
 * `sum` is { most, matched, changed, after }: one that has ended early, by an error too, goes on with the same.
 * `counted_at_ms` is of the answer that counted: jobs that came later are not meant.
 */
export async function inSteps(path, body, sum, tell) {
  for (let goOn = true; goOn && sum.after && sum.matched < sum.most;) {
    const step = await post(path, { ...body, most: sum.most - sum.matched, after: sum.after, counted_at_ms: sum.counted_at_ms });
    sum.matched += step.matched;
    sum.changed += step.changed;
    sum.after = step.next;
    goOn = tell({ ...sum });
  }
  return sum;
}
export const stepsOf = (most, counted_at_ms) => ({ most, counted_at_ms, matched: 0, changed: 0, after: '0' });

// --- what changes -----------------------------------------------------------------------------------------------
// A browser opens six connections to a server, over all its tabs, and a stream keeps one. So one visible tab holds
// the stream (a lock says which) and tells the others; where the browser has no locks, or nothing comes, a tab asks
// every five seconds.

const listeners = new Map();
const newest = new Map();
const channel = 'BroadcastChannel' in window ? new BroadcastChannel('coterie') : null;
let heard = 0;
let status = 'connecting';

export function subscribe(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(listener);
  if (newest.has(topic)) listener(newest.get(topic));
  return () => listeners.get(topic).delete(listener);
}

function tell(topic, value) {
  newest.set(topic, value);
  for (const listener of listeners.get(topic) || []) listener(value);
}

function setStatus(value) {
  if (value === status) return;
  status = value;
  tell('status', value);
}

function arrived(topic, value, fromOther) {
  heard = Date.now();
  setStatus('live');
  tell(topic, value);
  if (!fromOther && channel) channel.postMessage({ topic, value });
}

/** Holds the stream until the tab is hidden. */
function lead() {
  return new Promise((done) => {
    if (document.hidden) return done(undefined);
    const source = new EventSource('/api/v1/events?topics=overview,jobs');
    for (const topic of ['overview', 'jobs']) source.addEventListener(topic, (event) => arrived(topic, JSON.parse(event.data), false));
    source.onerror = () => setStatus(source.readyState === EventSource.CLOSED ? 'polling' : 'connecting');
    const stop = () => {
      if (!document.hidden && source.readyState !== EventSource.CLOSED) return;
      source.close();
      document.removeEventListener('visibilitychange', stop);
      clearInterval(look);
      done(undefined);
    };
    const look = setInterval(stop, 2000);
    document.addEventListener('visibilitychange', stop);
  });
}

async function follow() {
  for (;;) {
    if (document.hidden) await new Promise((done) => document.addEventListener('visibilitychange', done, { once: true }));
    else if (navigator.locks) await navigator.locks.request('coterie-stream', lead);
    else await lead();
    await new Promise((done) => setTimeout(done, 1000));
  }
}

async function poll() {
  if (document.hidden || Date.now() - heard < 5000) return;
  try {
    const overview = await get('/overview');
    setStatus('polling');
    tell('overview', overview);
    tell('jobs', { changes: Date.now() });
  } catch (error) {
    setStatus('away');
    tell('trouble', error);
  }
}

export function start() {
  if (channel) channel.onmessage = (event) => arrived(event.data.topic, event.data.value, true);
  follow();
  setInterval(poll, 5000);
  setTimeout(poll, 3000);
}
