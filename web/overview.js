// @ts-check
// How it goes, at a glance.
import { html } from './standalone.module.js';
import { t, number, rate, duration } from './text.js';
import { Head, Empty } from './ui.js';
import { Charts, useRange } from './history.js';
import { QueueTable } from './queues.js';

export function sums(overview) {
  const { ready, scheduled, blocked, throttled, leased, dead } = overview.counts;
  return { ready, later: scheduled + blocked + throttled, running: leased, dead };
}

function Tile({ name, value, unit, state, to }) {
  const inside = html`<dt data-state=${state}>${name}</dt><dd>${value}${unit && html` <small>${unit}</small>`}</dd>`;
  return to ? html`<a class="tile" href=${to}><dl>${inside}</dl></a>` : html`<div class="tile"><dl>${inside}</dl></div>`;
}

export function Overview({ overview, session, parameters }) {
  const { range, choice } = useRange(parameters);
  const now = overview && sums(overview);
  return html`<${Head} title=${t('overview')}>${choice}</${Head}>
    ${now && html`<div class="tiles">
      <${Tile} name=${t('waiting')} value=${number(now.ready)} state="ready" to="/jobs?filter=state:ready" />
      <${Tile} name=${t('running')} value=${number(now.running)} state="leased" to="/jobs?filter=state:leased" />
      <${Tile} name=${t('later')} value=${number(now.later)} state="scheduled" to="/queues" />
      <${Tile} name=${t('dead')} value=${number(now.dead)} state=${now.dead ? 'dead' : ''} to="/dead" />
      <${Tile} name=${t('done_rate')} value=${rate(overview.done_per_s)} unit=${t('per_second')} />
      <${Tile} name=${t('oldest')} value=${overview.oldest_ms ? duration(overview.oldest_ms) : '–'} unit=${overview.oldest_ms ? '' : t('none_waits')} />
    </div>`}
    <${Charts} range=${range} />
    ${overview && (overview.queues.length
      ? html`<section class="card"><header><h2>${t('queues')}</h2></header><${QueueTable} overview=${overview} session=${session} /></section>`
      : html`<${Empty} title=${t('no_jobs')} text=${t('no_jobs_text')} command="coterie enqueue --exec 'date; sleep 1; date'" />`)}`;
}
