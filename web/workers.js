// @ts-check
// Who works: all that announce themselves, and what they run.
import { html, useEffect } from './standalone.module.js';
import { get, subscribe } from './api.js';
import { t, number, duration } from './text.js';
import { Head, Empty, Awaited, Scroll, Link, Ago, useEvery, useNow, useLoad } from './ui.js';
import { jobsLink } from './queues.js';
import { liveLink } from './live.js';

const colours = { alive: 'leased', lost: 'dead', ended: 'cancelled', unknown: 'cancelled' };

function Jobs({ worker, now }) {
  return html`<${Scroll} label=${worker.name}><table><thead><tr><th>${t('name')}</th><th>${t('queue')}</th><th class="number">${t('took')}</th><th>${t('progress')}</th>
      ${worker.answers && html`<th><span class="offscreen">${t('live_page')}</span></th>`}</tr></thead>
    <tbody>${worker.jobs.map((job) => html`<tr key=${job.id}><th scope="row"><${Link} to=${'/jobs/' + job.id}>${job.name}</${Link}><code class="id">${job.id}</code></th>
      <td class="name">${job.queue}</td><td class="number">${duration(now - job.started_at_ms)}</td>
      <td class="remark">${job.progress > 0 ? `${Math.round(job.progress * 100)} % ` : ''}${job.progress_note}</td>
      ${worker.answers && html`<td><${Link} class="button small" to=${liveLink(worker.id, job.id)}>${t('stack')}</${Link}></td>`}</tr>`)}</tbody></table></${Scroll}>`;
}

/** What it said when it was heard of last, or what the broker knows since. */
const held = (worker) => (worker.state === 'alive' ? Math.max(worker.holds, worker.jobs.length) : 0);

function Worker({ worker, now }) {
  return html`<section class="card worker" data-state=${colours[worker.state]}><header><h2 class="name">${worker.name}</h2>
      <span class="state" data-state=${colours[worker.state]}>${t('worker_' + worker.state)}</span>
      ${worker.state === 'alive' && worker.answers && html`<${Link} class="button small" to=${liveLink(worker.id)}>${t('live_page')}</${Link}>`}</header>
    ${worker.id && html`<p class="quiet facts">${t('runs_of', { count: number(held(worker)), most: number(worker.concurrency) })}${' · '}
      ${worker.queues.slice(0, 12).map((queue, i) => html`${i > 0 && ', '}<${Link} key=${queue} to=${jobsLink(queue)}>${queue}</${Link}>`)}${worker.queues.length > 12 && ' …'}
      ${' · '}coterie ${worker.version} · ${t('started')} <${Ago} at=${worker.started_at_ms} now=${now} /> · ${t('heard')} <${Ago} at=${worker.heard_at_ms} now=${now} /></p>`}
    ${worker.state === 'lost' && html`<p class="quiet">${t('worker_lost_text')}</p>`}
    ${!worker.id && html`<p class="quiet">${t('worker_unknown_text')}</p>`}
    ${worker.jobs.length > 0 && html`<${Jobs} worker=${worker} now=${now} />`}</section>`;
}

export function Workers() {
  const loaded = useLoad(() => get('/workers'), []);
  const { value, again } = loaded;
  const now = useNow();
  useEffect(() => subscribe('jobs', again), []);
  useEvery(5000, again);
  const gone = value ? value.workers.filter((worker) => worker.state === 'lost' || worker.state === 'ended') : [];
  const here = value ? value.workers.filter((worker) => !gone.includes(worker)) : [];
  const list = (workers) => workers.map((worker) => html`<${Worker} key=${worker.id || worker.name} worker=${worker} now=${now} />`);
  return html`<${Head} title=${t('workers')} />
    <${Awaited} ...${loaded} />
    ${value && here.length === 0 && html`<${Empty} title=${t('no_workers')} text=${t('no_workers_text')} command="coterie worker --allow-exec" />`}
    ${list(here)}
    ${gone.length > 0 && html`<h2 class="part">${t('gone_workers')}</h2>${list(gone)}`}
    ${value && value.bounded && html`<p class="quiet">${t('workers_bounded')}</p>`}`;
}
