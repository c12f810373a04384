// @ts-check
// Jobs by a filter, in pages; and what can be done to many at once.
import { html, useState, useEffect, useLayoutEffect, useRef } from './standalone.module.js';
import { get, post, subscribe, inSteps, stepsOf } from './api.js';
import { t, errorText, number, numbers, duration } from './text.js';
import { Head, Empty, Awaited, Scroll, State, Ago, Link, Confirm, states, mayChange, useEvery, useNow, useLoad, news } from './ui.js';
import { go } from './route.js';

function firstLine(text) {
  return text.split('\n', 1)[0];
}

/** The one thing to know beside the state. */
function remark(job) {
  if (job.state === 'leased' && (job.progress > 0 || job.progress_note))
    return `${Math.round(job.progress * 100)} % ${firstLine(job.progress_note)}`;
  if (job.error && job.state !== 'done') return `${job.error.type}: ${firstLine(job.error.message)}`;
  return '';
}

function took(job, now) {
  if (!job.started_at_ms) return '';
  if (job.state === 'leased') return duration(now - job.started_at_ms);
  return job.finished_at_ms >= job.started_at_ms ? duration(job.finished_at_ms - job.started_at_ms) : '';
}

const aliases = { failed: 'dead', running: 'leased', waiting: 'ready' };

/** A term of a filter as the server reads it, with the blanks behind it: a quoted word, or key, operator and value, or a word. */
const term = /(?:"(?:\\[^]|[^"\\])*"|([^ \t\n:<>]*)([:<>])("(?:\\[^]|[^"\\])*"|[^ \t\n]*)|[^ \t\n]+)[ \t\n]*/g;

/** Of each term its key, where it asks for just a value, and that value without its quotes. */
function termsOf(filter) {
  return [...filter.matchAll(term)].map(([, key, is, value = '']) => ({
    key: is === ':' ? key : '', value: value.startsWith('"') ? value.slice(1, -1).replace(/\\([^])/g, '$1') : value,
  }));
}

/** What else stands there stays as it is, to the letter. */
function withState(filter, state) {
  const others = filter.replace(term, (text, key, is) => (key === 'state' && is === ':' ? '' : text));
  return `${state && `state:${state} `}${others}`.trim();
}

function stateOf(filter) {
  const { value = '' } = termsOf(filter).find(({ key }) => key === 'state') || {};
  return aliases[value] || value;
}

function FilterBar({ filter, use, fixed }) {
  const [text, setText] = useState(filter);
  const [help, setHelp] = useState(false);
  // At once: an effect would come a frame later, over what was typed meanwhile.
  useLayoutEffect(() => setText(filter), [filter]);
  const submit = (event) => {
    event.preventDefault();
    use(text.trim());
  };
  return html`<form class="filter" role="search" onSubmit=${submit}>
    ${!fixed && html`<nav class="choice states" aria-label=${t('state')}>${['', ...states].map((s) => html`<button type="button" key=${s}
      aria-pressed=${stateOf(filter) === s} onClick=${() => use(withState(filter, s))}>${s ? html`<${State} state=${s} />` : t('all')}</button>`)}</nav>`}
    <div class="line"><input id="filter" type="search" value=${text} aria-label=${t('filter')} placeholder=${t('filter_help')} spellcheck=${false}
      autocomplete="off" onInput=${(e) => setText(e.target.value)} onFocus=${() => setHelp(true)} onBlur=${() => setHelp(false)} aria-describedby="filter-help" />
    <button class="primary">${t('search')}</button></div>
    <p id="filter-help" class=${help ? 'quiet' : 'offscreen'}>${t('filter_keys')}</p></form>`;
}

/** A table whose rows are reached by j and k, opened by Enter, selected by x. */
function JobTable({ jobs, selected, select, now, may }) {
  const all = jobs.length > 0 && jobs.every((job) => selected.has(job.id));
  const toggle = (id) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    select(next);
  };
  return html`<${Scroll} label=${t('jobs')}><table class="jobs"><thead><tr>
    ${may && html`<th class="tick"><input type="checkbox" aria-label=${t('select_all')} checked=${all}
      onChange=${() => select(new Set(all ? [] : jobs.map((job) => job.id)))} /></th>`}
    <th>${t('name')}</th><th>${t('state')}</th><th>${t('queue')}</th><th class="number">${t('attempt')}</th>
    <th class="number">${t('created')}</th><th class="number">${t('took')}</th><th>${t('note')}</th></tr></thead>
    <tbody>${jobs.map((job) => html`<tr key=${job.id} data-row=${job.id}>
      ${may && html`<td class="tick"><input type="checkbox" aria-label=${t('select', { id: job.id })} checked=${selected.has(job.id)} onChange=${() => toggle(job.id)} /></td>`}
      <th scope="row"><${Link} to=${'/jobs/' + job.id} class="row-link">${job.name}</${Link}><code class="id">${job.id}</code></th>
      <td><${State} state=${job.state} /></td><td class="name">${job.queue}</td>
      <td class="number try">${job.attempt}/${job.max_attempts}</td><td class="number age"><${Ago} at=${job.created_at_ms} now=${now} /></td>
      <td class="number took">${took(job, now)}</td><td class="remark">${remark(job)}</td></tr>`)}</tbody></table></${Scroll}>`;
}

function bulkText(action, filter, counted, more, at) {
  const count = more ? t('at_least', { count: number(counted) }) : number(counted);
  return { title: t('bulk_' + action, { count }), text: t('bulk_text', { filter: filter || t('everything'), count }) + (at ? t('not_later') : '') };
}

/** What is asked before many jobs are changed. It stands beside the list, which may be empty before all are. */
function useBulk(filter, done) {
  const [asked, setAsked] = useState(null);
  const turn = useRef(0);
  const close = () => {
    turn.current++;
    setAsked(null);
  };
  const finish = (sum) => {
    news(t(sum.after && sum.matched < sum.most ? 'stopped' : 'changed', numbers(sum)));
    done();
  };
  // What takes long to count is counted in parts, and the dialog says how far it is.
  const byFilter = async (action) => {
    const mine = ++turn.current;
    try {
      for (let count = 0, next = '0', at; next;) {
        const part = await get('/count', { filter, after: next });
        if (mine !== turn.current) return;
        count += part.count;
        next = part.next;
        if (action !== 'purge') at ??= part.counted_at_ms;
        const sum = stepsOf(count, at);
        setAsked({
          ...bulkText(action, filter, count, next, at), counting: Boolean(next), danger: action !== 'retry', word: action === 'purge' ? 'purge' : '',
          yes: async (tell) => finish(await inSteps('/' + action, { filter }, sum, tell)),
        });
      }
    } catch (error) {
      close();
      news(errorText(error));
    }
  };
  const byIds = (action, ids) => setAsked({
    title: t('bulk_' + action, { count: ids.length }), text: t('bulk_selected', { count: ids.length }), danger: action === 'cancel',
    yes: async () => finish({ ...await post('/' + action, { ids }), most: ids.length }),
  });
  return { byFilter, byIds, dialog: asked && html`<${Confirm} ...${asked} close=${close} />` };
}

function Bulk({ filter, selected, session, jobs, bulk }) {
  const state = stateOf(filter);
  const canRetry = ['dead', 'cancelled', 'expired'].includes(state);
  const ended = canRetry || state === 'done';
  const admin = session.role === 'admin';
  // What the broker can list by itself: nothing else is forgotten.
  const plain = termsOf(filter).every(({ key }) => ['state', 'queue', 'name'].includes(key));
  const hint = !state ? 'all_need_state' : ended && admin && !plain ? 'purge_needs_plain' : '';
  const button = (action, word, go) => html`<button onClick=${() => go(action, [...selected])}>${t(word)}</button>`;
  return html`<div class="bulk">
    <span class="quiet">${selected.size ? t('selected', { count: number(selected.size) }) : t('page_of', { count: number(jobs.length) })}</span>
    ${selected.size ? html`${button('retry', 'retry', bulk.byIds)}${button('cancel', 'cancel', bulk.byIds)}`
      : html`${canRetry && button('retry', 'retry_all', bulk.byFilter)}
        ${state && !ended && button('cancel', 'cancel_all', bulk.byFilter)}
        ${ended && admin && plain && button('purge', 'purge_all', bulk.byFilter)}
        ${hint && html`<span class="quiet">${t(hint)}</span>`}`}</div>`;
}

export function Jobs({ parameters, path, session }) {
  const fixed = path === '/dead';
  const filter = fixed ? withState(parameters.get('filter') || '', 'dead') : parameters.get('filter') || '';
  const after = parameters.get('after') || '';
  const order = parameters.get('order') === 'oldest' ? 'oldest' : 'newest';
  const [selected, setSelected] = useState(new Set());
  const loaded = useLoad(() => get('/jobs', { filter, order, after, limit: 50 }), [filter, order, after]);
  const { value, error, again } = loaded;
  const now = useNow();
  // Progress changes no count that the stream could tell of.
  useEvery(value && value.jobs.some((job) => job.state === 'leased') && 5000, again);
  const busy = useRef(false);
  useEffect(() => subscribe('jobs', () => {
    // At most one look in a second and a half, however much changes.
    if (busy.current) return;
    busy.current = true;
    setTimeout(() => {
      busy.current = false;
      again();
    }, 1500);
  }), []);
  useEffect(() => setSelected(new Set()), [filter, order, after]);
  const typed = fixed ? withState(filter, '') : filter;
  const use = (next, cursor = '', way = order) => {
    const asked = Object.entries({ filter: next, order: way === 'oldest' ? way : '', after: cursor }).filter(([, value]) => value);
    go(path + '?' + new URLSearchParams(asked).toString());
  };
  const may = mayChange(session);
  const done = () => {
    setSelected(new Set());
    again();
  };
  const bulk = useBulk(filter, done);
  const none = value && value.jobs.length === 0;
  const plain = filter === (fixed ? 'state:dead' : '');
  return html`<${Head} title=${t(fixed ? 'dead' : 'jobs')}><div class="choice" role="group" aria-label=${t('order')}>${['newest', 'oldest'].map((way) => html`<button
      key=${way} aria-pressed=${way === order} onClick=${() => use(typed, '', way)}>${t(way + '_first')}</button>`)}</div></${Head}>
    <${FilterBar} filter=${typed} use=${use} fixed=${fixed} />
    <${Awaited} ...${loaded} />
    ${value && !error && (none && plain && !after
      ? fixed ? html`<${Empty} title=${t('no_dead')} text=${t('no_dead_text')} />`
        : html`<${Empty} title=${t('no_jobs')} text=${t('no_jobs_text')} command="coterie enqueue --exec 'date; sleep 1; date'" />`
      : html`<section class="card list">
          ${may && html`<${Bulk} filter=${filter} selected=${selected} session=${session} jobs=${value.jobs} bulk=${bulk} />`}
          ${none ? html`<p class="quiet soon">${t('no_match')} ${t('widen')}</p>`
            : html`<${JobTable} jobs=${value.jobs} selected=${selected} select=${setSelected} now=${now} may=${may} />`}
          ${value.bounded && html`<p class="quiet bounded">${t('bounded', { scanned: number(value.scanned) })}</p>`}
          <nav class="pages" aria-label=${t('jobs')}>${after && html`<button onClick=${() => use(typed)}>${t('first')}</button>`}
            ${value.next && html`<button onClick=${() => use(typed, value.next)}>${t('next')}</button>`}</nav></section>`)}
    ${bulk.dialog}`;
}
