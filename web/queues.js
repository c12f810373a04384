// @ts-check
import { html, useState } from './standalone.module.js';
import { post } from './api.js';
import { t, number, duration, stateName } from './text.js';
import { Head, Empty, Link, Confirm, useNow, news } from './ui.js';

const states = ['ready', 'leased', 'scheduled', 'blocked', 'done', 'dead', 'cancelled', 'expired'];

/** A word of a filter; in quotes where it has to be. */
export function word(text) {
  return /^[^\s":<>]+$/.test(text) ? text : '"' + text.replace(/[\\"]/g, '\\$&') + '"';
}

export function jobsLink(queue, state) {
  return '/jobs?filter=' + encodeURIComponent(`queue:${word(queue)}` + (state ? ` state:${state}` : ''));
}

export function QueueTable({ overview, session }) {
  const now = useNow();
  const [asked, setAsked] = useState(null);
  const change = async (queue, action) => {
    await post(`/queues/${encodeURIComponent(queue.name)}/${action}`);
    news(t(action === 'pause' ? 'paused_done' : 'resumed_done', { queue: queue.name }));
  };
  const may = session && session.role !== 'viewer' && !session.read_only;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t('queues')}><table class="queues">
    <thead><tr><th>${t('queue')}</th>${states.map((s) => html`<th class="number" key=${s}>${stateName(s)}</th>`)}<th class="number">${t('oldest')}</th>
      ${may && html`<th><span class="offscreen">${t('pause')}</span></th>`}</tr></thead>
    <tbody>${overview.queues.map((queue) => html`<tr key=${queue.name}>
      <th scope="row"><${Link} to=${jobsLink(queue.name)}>${queue.name}</${Link}>${queue.paused && html` <span class="state" data-state="paused">${t('paused')}</span>`}</th>
      ${states.map((s) => html`<td class="number" key=${s}>${queue.counts[s]
        ? html`<${Link} to=${jobsLink(queue.name, s)} data-state=${s === 'dead' ? s : undefined}>${number(queue.counts[s])}</${Link}>`
        : html`<span class="quiet" aria-label="0">·</span>`}</td>`)}
      <td class="number">${queue.oldest_ready_at_ms ? duration(Math.max(0, now - queue.oldest_ready_at_ms)) : html`<span class="quiet">–</span>`}</td>
      ${may && html`<td class="end">${queue.paused
        ? html`<button class="small" onClick=${() => change(queue, 'resume').catch((e) => news(e.message))}>${t('resume')}</button>`
        : html`<button class="small" onClick=${() => setAsked(queue)}>${t('pause')}</button>`}</td>`}
    </tr>`)}</tbody></table></div>
    ${asked && html`<${Confirm} title=${t('pause_title', { queue: asked.name })} text=${t('pause_text', { ready: number(asked.counts.ready) })}
      yes=${() => change(asked, 'pause')} close=${() => setAsked(null)} />`}`;
}

export function Queues({ overview, session }) {
  return html`<${Head} title=${t('queues')} />
    ${!overview ? html`<p class="quiet">${t('loading')}</p>` : overview.queues.length
      ? html`<section class="card"><${QueueTable} overview=${overview} session=${session} /></section>`
      : html`<${Empty} title=${t('no_queues')} text=${t('no_queues_text')} command="coterie enqueue --queue mail --exec 'echo hello'" />`}`;
}
