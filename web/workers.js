// @ts-check
// Who works, by the jobs that they hold.
import { html, useEffect } from './standalone.module.js';
import { get, subscribe } from './api.js';
import { t, number, duration } from './text.js';
import { Head, Empty, Problem, Link, Ago, useNow, useLoad } from './ui.js';

export function Workers() {
  const { value, error, again } = useLoad(() => get('/workers'), []);
  const now = useNow();
  useEffect(() => subscribe('jobs', again), []);
  return html`<${Head} title=${t('workers')} />
    ${error && html`<${Problem} error=${error} again=${again} />`}
    ${!value && !error && html`<p class="quiet">${t('loading')}</p>`}
    ${value && value.workers.length === 0 && html`<${Empty} title=${t('no_workers')} text=${t('no_workers_text')} command="coterie worker --allow-exec" />`}
    ${value && value.workers.map((worker) => html`<section class="card" key=${worker.name}><header><h2 class="name">${worker.name}</h2>
      <span class="quiet">${t('runs', { count: number(worker.jobs.length) })} · ${t('lease')} <${Ago} at=${worker.lease_until_ms} now=${now} /></span></header>
      <div class="scroll" tabindex="0" role="region" aria-label=${worker.name}><table><thead><tr><th>${t('name')}</th><th>${t('queue')}</th><th class="number">${t('took')}</th><th>${t('progress')}</th></tr></thead>
      <tbody>${worker.jobs.map((job) => html`<tr key=${job.id}><th scope="row"><${Link} to=${'/jobs/' + job.id}>${job.name}</${Link}><code class="id">${job.id}</code></th>
        <td class="name">${job.queue}</td><td class="number">${duration(now - job.started_at_ms)}</td>
        <td class="remark">${job.progress > 0 ? `${Math.round(job.progress * 100)} % ` : ''}${job.progress_note}</td></tr>`)}</tbody></table></div></section>`)}
    ${value && value.bounded && html`<p class="quiet">${t('workers_bounded')}</p>`}`;
}
