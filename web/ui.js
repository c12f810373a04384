// @ts-check
// Small parts that every page is made of.
import { html, useState, useEffect, useLayoutEffect, useRef } from './standalone.module.js';
import { t, errorName, numbers, stateName, ago, clock } from './text.js';

export const states = ['ready', 'leased', 'scheduled', 'blocked', 'throttled', 'done', 'dead', 'cancelled', 'expired'];
export const mayChange = (session) => session.role !== 'viewer' && !session.read_only;

/** Again and again while somebody looks; not at all where `ms` is none. */
export function useEvery(ms, call) {
  useEffect(() => {
    const timer = ms && setInterval(() => document.hidden || call(), ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/** Now, for ages that grow on the page. */
export function useNow() {
  const [now, setNow] = useState(Date.now());
  useEvery(1000, () => setNow(Date.now()));
  return now;
}

export function State({ state }) {
  return html`<span class="state" data-state=${state}>${stateName(state)}</span>`;
}

export function Ago({ at, now }) {
  if (!at) return html`<span class="quiet">–</span>`;
  return html`<time dateTime=${new Date(at).toISOString()} title=${clock(at)}>${ago(at, now)}</time>`;
}

/** A link inside the app: app.js follows it without loading the page again. */
export function Link({ to, children, ...rest }) {
  return html`<a href=${to} ...${rest}>${children}</a>`;
}

export function Head({ title, children }) {
  return html`<header class="head"><h1 tabindex="-1">${title}</h1><div class="tools">${children}</div></header>`;
}

let option = '';
/** What a command needs to find the same jobs. */
export function setBroker(url) {
  option = url === 'sqlite://coterie.db' ? '' : ` --broker '${url.replace(/'/g, "'\\''")}'`;
}

export function Empty({ title, text, command }) {
  return html`<div class="empty"><h2>${title}</h2>${text && html`<p>${text}</p>`}${command && html`<${Command} text=${command + option} />`}</div>`;
}

export function Command({ text }) {
  return html`<div class="command"><code>${text}</code><${Copy} text=${text} /></div>`;
}

export function Problem({ error, again }) {
  return html`<div class="problem" role="alert"><strong>${errorName(error) || t('problem')}</strong><span lang="en">${error.message}</span>
    ${again && html`<button onClick=${again}>${t('try_again')}</button>`}</div>`;
}

/** Of useLoad(): what is told while there is nothing, and what was wrong. */
export function Awaited({ value, error, again }) {
  return error ? html`<${Problem} error=${error} again=${again} />` : !value && html`<p class="quiet">${t('loading')}</p>`;
}

/** What is wider than a phone, or longer than it should be. */
export function Scroll({ label, children, ...rest }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label} ...${rest}>${children}</div>`;
}

/** navigator.clipboard is not there on pages without TLS. */
function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return void navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'offscreen';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

export function Copy({ text }) {
  const [done, setDone] = useState(false);
  const copy = () => {
    copyText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return html`<button class="small" onClick=${copy}><span aria-live="polite">${t(done ? 'copied' : 'copy')}</span></button>`;
}

/** A native dialog: it keeps the focus and gives it back. */
export function Dialog({ title, close, children }) {
  const place = useRef(null);
  useLayoutEffect(() => place.current.showModal(), []);
  const cancel = (event) => {
    event.preventDefault();
    close();
  };
  return html`<dialog ref=${place} aria-labelledby="dialog-title" onCancel=${cancel}
    onClick=${(event) => event.target === place.current && close()}>
    <div class="inside"><h2 id="dialog-title">${title}</h2>${children}</div></dialog>`;
}

/**
 * Asks before something is changed. `word`: it has to be typed. `yes` is given a function that it tells how far it is,
 * and that says whether to go on: then leaving the dialog stops it, and the dialog goes when it has stopped.
 */
export function Confirm({ title, text, yes, danger, word, counting, close }) {
  const [typed, setTyped] = useState('');
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const [sum, setSum] = useState(null);
  const stopped = useRef(false);
  const gone = useRef(false);
  useEffect(() => () => {
    stopped.current = gone.current = true;
  }, []);
  const leave = () => {
    stopped.current = true;
    if (busy && sum) return;
    gone.current = true;
    close();
  };
  const go = async (event) => {
    event.preventDefault();
    stopped.current = false;
    setBusy(true);
    setError(null);
    try {
      await yes((now) => {
        setSum(now);
        return !stopped.current;
      });
      if (!gone.current) close();
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} close=${leave}><form onSubmit=${go}>
    <p>${counting ? t('counting') : text}</p>
    ${sum && html`<progress max=${sum.most} value=${sum.matched} aria-label=${t('progress')}></progress><p role="status">${t('so_far', numbers(sum))}</p>`}
    ${word && html`<label>${t('purge_type', { word })}<input value=${typed} autocomplete="off" onInput=${(e) => setTyped(e.target.value)} /></label>`}
    ${error && html`<${Problem} error=${error} />`}
    <div class="buttons"><button type="button" onClick=${leave} autofocus=${danger && !word}>${t(busy && sum ? 'stop' : 'back')}</button>
    <button class=${danger ? 'danger' : 'primary'} disabled=${busy || counting || (word && typed !== word)} autofocus=${!danger && !word}>${t('go_on')}</button></div>
  </form></${Dialog}>`;
}

// --- one line of news, at the bottom -------------------------------------------------------------------------------

let showNews = () => {};
export function news(text) {
  showNews(text);
}
export function News() {
  const [text, setText] = useState('');
  showNews = setText;
  useEffect(() => {
    if (!text) return undefined;
    const timer = setTimeout(() => setText(''), 4000);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<div class="news" role="status">${text && html`<span>${text}</span>`}</div>`;
}

/**
 * Loads, and loads again when `keys` change; keeps what was there meanwhile. Asked for again while an answer is on its
 * way, it waits for that one first: a slow server is not asked twice at a time, and what it answers is shown.
 */
export function useLoad(load, keys) {
  const [state, setState] = useState({ value: null, error: null });
  const [turn, setTurn] = useState(0);
  const asked = useRef(null);
  const again = () => {
    if (asked.current) asked.current.again = true;
    else setTurn((n) => n + 1);
  };
  useEffect(() => {
    const mine = asked.current = { again: false };
    const answer = (next) => {
      if (asked.current !== mine) return;
      asked.current = null;
      setState(next);
      if (mine.again) again();
    };
    load().then(
      (value) => answer({ value, error: null }),
      (error) => answer((before) => ({ value: error.status === 404 ? null : before.value, error })),
    );
    return () => {
      asked.current = null;
    };
  }, [...keys, turn]);
  return { ...state, again };
}
