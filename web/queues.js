// @ts-check
import { html, useState } from './standalone.module.js';
import { get, post, inSteps, stepsOf } from './api.js';
import { t, errorText, number, duration, stateName } from './text.js';
import { Head, Empty, Scroll, Link, Confirm, states, mayChange, useNow, news } from './ui.js';
import { Charts, useRange } from './history.js';

/** A word of a filter; in quotes where it has to be. */
export function word(text) {
  return /^[^\s":<>]+$/.test(text) ? text : '"' + text.replace(/[\\"]/g, '\\$&') + '"';
}

export function jobsLink(queue, state) {
  return '/jobs?filter=' + encodeURIComponent('queue:' + word(queue) + (state ? ` state:${state}` : ''));
}

export function QueueTable({ overview, session, chosen }) {
  const now = useNow();
  const [asked, setAsked] = useState(null);
  const change = async (queue, action) => {
    await post(`/queues/${encodeURIComponent(queue.name)}/${action}`);
    news(t(action === 'pause' ? 'paused_done' : 'resumed_done', { queue: queue.name }));
  };
  const waiting = (queue) => queue.counts.ready + queue.counts.scheduled + queue.counts.blocked + queue.counts.throttled;
  const drain = async (queue, sum, tell) => {
    await inSteps(`/queues/${encodeURIComponent(queue.name)}/drain`, {}, sum, tell);
    news(t('drained', { count: number(sum.changed), queue: queue.name }));
  };
  const ask = async (action, queue) => {
    const at = action === 'drain' && (await get('/count', { filter: 'queue:' + word(queue.name) })).counted_at_ms;
    const sum = stepsOf(waiting(queue), at);
    setAsked({
      title: t(action + '_title', { queue: queue.name }), danger: action === 'drain',
      text: t(action + '_text', { ready: number(queue.counts.ready), waiting: number(waiting(queue)) }) + (at ? t('not_later') : ''),
      yes: (tell) => (action === 'drain' ? drain(queue, sum, tell) : change(queue, 'pause')),
    });
  };
  const may = mayChange(session);
  return html`<${Scroll} label=${t('queues')}><table class="queues">
    <thead><tr><th>${t('queue')}</th>${states.map((s) => html`<th class="number" key=${s}>${stateName(s)}</th>`)}<th class="number">${t('oldest')}</th>
      <th><span class="offscreen">${t('history')}</span></th></tr></thead>
    <tbody>${overview.queues.map((queue) => html`<tr key=${queue.name}>
      <th scope="row"><${Link} to=${jobsLink(queue.name)}>${queue.name}</${Link}>${queue.paused && html` <span class="state" data-state="paused">${t('paused')}</span>`}</th>
      ${states.map((s) => html`<td class="number" key=${s}>${queue.counts[s]
        ? html`<${Link} to=${jobsLink(queue.name, s)} data-state=${s === 'dead' ? s : undefined}>${number(queue.counts[s])}</${Link}>`
        : html`<span class="quiet" aria-label="0">·</span>`}</td>`)}
      <td class="number">${queue.oldest_ready_at_ms ? duration(Math.max(0, now - queue.oldest_ready_at_ms)) : html`<span class="quiet">–</span>`}</td>
      <td class="end"><${Link} to=${'/queues?queue=' + encodeURIComponent(queue.name)} class="button small" aria-current=${chosen === queue.name ? 'true' : undefined}
        aria-label=${t('history') + ' ' + queue.name}>${t('history')}</${Link}>${may && html` ${queue.paused
        ? html`<button class="small" onClick=${() => change(queue, 'resume').catch((e) => news(errorText(e)))}>${t('resume')}</button>`
        : html`<button class="small" onClick=${() => ask('pause', queue)}>${t('pause')}</button>`}
        ${waiting(queue) > 0 && html` <button class="small" onClick=${() => ask('drain', queue).catch((e) => news(errorText(e)))}>${t('drain')}</button>`}`}</td>
    </tr>`)}</tbody></table></${Scroll}>
    ${overview.queues_left_out > 0 && html`<p class="quiet">${t('queues_left_out', { count: number(overview.queues_left_out) })}</p>`}
    ${asked && html`<${Confirm} ...${asked} close=${() => setAsked(null)} />`}`;
}

export function Queues({ overview, session, parameters }) {
  const { range, choice } = useRange(parameters);
  const chosen = parameters.get('queue') || '';
  return html`<${Head} title=${t('queues')}>${chosen && choice}</${Head}>
    ${!overview ? html`<p class="quiet">${t('loading')}</p>` : overview.queues.length
      ? html`<section class="card"><${QueueTable} overview=${overview} session=${session} chosen=${chosen} /></section>
        ${chosen && html`<h2 class="of-queue">${chosen}</h2><${Charts} range=${range} queue=${chosen} key=${chosen} />`}`
      : html`<${Empty} title=${t('no_queues')} text=${t('no_queues_text')} command="coterie enqueue --queue mail --exec 'echo hello'" />`}`;
}
