// @ts-check
// The frame: who is there, which page, live or not.
import { html, render, useState, useEffect, useLayoutEffect, useRef, useCallback, useErrorBoundary } from './standalone.module.js';
import { get, post, subscribe, start } from './api.js';
import { t, errorText, clock, currentLanguage, setLanguage } from './text.js';
import { onRoute } from './route.js';
import { Head, Empty, Problem, News, Link, setBroker } from './ui.js';
import { useKeys, Keys } from './keys.js';
import { Overview } from './overview.js';
import { Queues } from './queues.js';
import { Jobs } from './jobs.js';
import { Job } from './job.js';
import { Workers } from './workers.js';
import { Live } from './live.js';

// Address, word of the navigation, what stands there. Schedules, workflows and limits will be further lines of this.
const pages = [
  ['/', 'overview', ({ url, overview, session }) => html`<${Overview} overview=${overview} session=${session} parameters=${url.searchParams} />`],
  ['/queues', 'queues', ({ url, overview, session }) => html`<${Queues} overview=${overview} session=${session} parameters=${url.searchParams} />`],
  ['/jobs', 'jobs', jobsPage],
  ['/dead', 'dead', jobsPage],
  ['/workers', 'workers', () => html`<${Workers} />`],
  ['/live', 'live_page', ({ url }) => html`<${Live} parameters=${url.searchParams} />`],
];
function jobsPage({ url, session }) {
  return html`<${Jobs} path=${url.pathname} parameters=${url.searchParams} session=${session} />`;
}

const themes = ['auto', 'light', 'dark'];

function useRoute() {
  const [at, setAt] = useState(location.href);
  // Links are followed from the moment they stand there; an effect would come a frame later.
  useLayoutEffect(() => onRoute(() => setAt(location.href)), []);
  return new URL(at);
}

function useTheme() {
  const [theme, setTheme] = useState(localStorage.getItem('coterie-theme') || 'auto');
  document.documentElement.dataset.theme = theme;
  const next = useCallback(() => setTheme((before) => {
    const after = themes[(themes.indexOf(before) + 1) % themes.length];
    localStorage.setItem('coterie-theme', after);
    document.documentElement.dataset.theme = after;
    return after;
  }), []);
  return { theme, next };
}

function Login({ done }) {
  const [error, setError] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    try {
      await post('/login', { name: form.get('name'), password: form.get('password') });
      done();
    } catch (caught) {
      setError(caught);
    }
  };
  return html`<main class="login"><form class="card" onSubmit=${submit}><h1>Coterie</h1><p class="quiet">${t('log_in_text')}</p>
    <label>${t('user')}<input name="name" autocomplete="username" required autofocus /></label>
    <label>${t('password')}<input name="password" type="password" autocomplete="current-password" required /></label>
    ${error && html`<${Problem} error=${error} />`}<button class="primary">${t('log_in')}</button></form></main>`;
}

/** As people write it; as it is where its escapes are none. */
function readable(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** What cannot be drawn is told, and the frame around it stays. */
function Page(props) {
  const [error, again] = useErrorBoundary(console.error);
  const path = readable(props.url.pathname);
  const page = pages.find(([to]) => to === path);
  if (error) return html`<${Head} title=${titleOf(path)} /><${Problem} error=${error} again=${again} />`;
  if (page) return page[2](props);
  if (path.startsWith('/jobs/')) return html`<${Job} id=${path.slice(6)} session=${props.session} />`;
  return html`<${Head} title=${t('not_found')} /><${Empty} title=${path} />`;
}

function titleOf(path) {
  const page = pages.find(([to]) => to === path);
  return page ? t(page[1]) : path.startsWith('/jobs/') ? t('job') : '';
}

function Frame({ session, theme }) {
  const url = useRoute();
  const [overview, setOverview] = useState(null);
  const [status, setStatus] = useState('connecting');
  const [trouble, setTrouble] = useState(null);
  const [keys, setKeys] = useState(false);
  const help = useCallback(() => setKeys(true), []);
  useKeys({ help, theme: theme.next });
  useEffect(() => {
    start();
    get('/overview').then((value) => value.at_ms && setOverview(value), () => {});
    const ends = [subscribe('overview', setOverview), subscribe('status', setStatus), subscribe('trouble', setTrouble)];
    return () => ends.forEach((end) => end());
  }, []);
  useEffect(() => {
    document.title = titleOf(url.pathname) + ' · Coterie';
  }, [url.pathname, currentLanguage()]);
  const before = useRef(url.pathname);
  useLayoutEffect(() => {
    if (before.current !== url.pathname) document.querySelector('h1').focus({ preventScroll: true });
    before.current = url.pathname;
  }, [url.pathname]);
  const current = (to) => url.pathname === to || (to === '/jobs' && url.pathname.startsWith('/jobs/'));
  const dead = overview ? overview.counts.dead : 0;
  const logOut = async () => {
    await post('/logout');
    location.assign('/');
  };
  const language = () => {
    setLanguage(currentLanguage() === 'en' ? 'zh' : 'en');
    theme.redraw();
  };
  return html`<a class="skip" href="#content">${t('skip')}</a>
    <div class="frame"><nav class="side" aria-label="Coterie"><${Link} to="/" class="brand"><span aria-hidden="true" class="mark"></span>Coterie</${Link}>
      <ul>${pages.map(([to, name]) => html`<li key=${to}><${Link} to=${to} aria-current=${current(to) ? 'page' : undefined}>${t(name)}
        ${to === '/dead' && dead > 0 && html`<span class="count">${dead}</span>`}</${Link}></li>`)}</ul>
      <div class="foot"><p class="live" data-status=${status} title=${t('live_help')} role="status">${t(status)}</p>
        <p class="broker" title=${session.broker}>${session.broker}</p>${session.read_only && html`<p>${t('read_only')}</p>`}
        <button class="plain" onClick=${theme.next}>${t('theme', { value: t(theme.theme) })}</button>
        <button class="plain" onClick=${language} lang=${currentLanguage() === 'en' ? 'zh-CN' : 'en'}>${t('language')}</button>
        <button class="plain" onClick=${help}>${t('keyboard')} <kbd>?</kbd></button>
        ${session.can_log_out && html`<button class="plain" onClick=${logOut}>${t('log_out', { name: session.name })}</button>`}</div></nav>
    <main id="content">${status === 'away' && trouble && html`<p class="problem" role="status">${trouble.code === 'broker_unavailable' ? t('broker_away') : errorText(trouble)}
      ${overview && ' ' + t('as_of', { time: clock(overview.at_ms).slice(11, 19) })}</p>`}<${Page} key=${url.pathname} url=${url} overview=${overview} session=${session} /></main></div>
    <${News} />${keys && html`<${Keys} close=${() => setKeys(false)} />`}`;
}

function App() {
  const [session, setSession] = useState(null);
  const [error, setError] = useState(null);
  const [, redraw] = useState(0);
  const theme = { ...useTheme(), redraw: () => redraw((n) => n + 1) };
  const load = () => get('/session').then((value) => {
    setBroker(value.broker);
    setSession(value);
    setError(null);
  }, setError);
  useEffect(() => {
    load();
  }, []);
  if (error && error.status === 401) return html`<${Login} done=${load} />`;
  if (error) return html`<main class="login"><${Problem} error=${error} again=${load} /></main>`;
  return session && html`<${Frame} session=${session} theme=${theme} />`;
}

render(html`<${App} />`, document.getElementById('app'));
