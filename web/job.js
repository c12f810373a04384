// @ts-check
// One job: what it is, how it went, and what can be done.
import { html, useState, useEffect } from './standalone.module.js';
import { get, getText, post, subscribe } from './api.js';
import { t, number, duration, bytes, clock, indented } from './text.js';
import { Head, Empty, Problem, State, Ago, Link, Copy, Confirm, Dialog, mayChange, useEvery, useNow, useLoad, news } from './ui.js';
import { go } from './route.js';
import { jobsLink } from './queues.js';
import { JobStack, liveLink } from './live.js';

const final = ['done', 'dead', 'cancelled', 'expired'];
const over = (job) => final.includes(job.state);

/** Text of the job's as text: never as markup, and never through numbers of JavaScript. */
function Body({ title, text, size, all }) {
  const [raw, setRaw] = useState(false);
  const nice = indented(text);
  return html`<section class="card body"><header><h2>${title}</h2><div class="tools">
      ${nice !== text && html`<button class="small" aria-pressed=${raw} onClick=${() => setRaw(!raw)}>${t(raw ? 'indented' : 'raw')}</button>`}
      <${Copy} text=${text} />${all && html`<a class="button small" href=${all} download>${t('download', { size: bytes(size) })}</a>`}</div></header>
    <pre tabindex="0" role="region" aria-label=${title}>${raw ? text : nice}</pre>
    ${size > 65536 && html`<p class="quiet">${t('cut')}</p>`}</section>`;
}

/** The lines that a command printed are worth more than one string of JSON. */
function outputOf(result) {
  try {
    const value = JSON.parse(result);
    return value && typeof value.output === 'string' && value.output ? value.output : null;
  } catch {
    return null;
  }
}

function Timeline({ job, now }) {
  const steps = [['created', job.created_at_ms, '']];
  if (job.state === 'scheduled') steps.push(['due', job.run_at_ms, '']);
  if (job.started_at_ms) steps.push(['started', job.started_at_ms, job.started_at_ms - job.created_at_ms]);
  if (job.finished_at_ms) steps.push(['finished', job.finished_at_ms, job.finished_at_ms - (job.started_at_ms || job.created_at_ms)]);
  const last = job.finished_at_ms ? job.state : '';
  return html`<section class="card"><header><h2>${t('timeline')}</h2></header><ol class="timeline">
    ${steps.map(([name, at, after]) => html`<li key=${name} data-state=${name === 'finished' ? last : name === 'started' && !last ? 'leased' : ''}>
      <b>${t(name)}</b> ${after !== '' && after >= 0 && html`<span class="quiet">+${duration(after)}</span>`}<br />
      <span class="when">${clock(at)}</span> <small class="quiet"><${Ago} at=${at} now=${now} /></small></li>`)}
    ${!job.finished_at_ms && html`<li data-state=${job.state} class="open"><b><${State} state=${job.state} /></b>
      ${job.state === 'leased' && html` <span class="quiet">${duration(now - job.started_at_ms)}</span>`}</li>`}</ol></section>`;
}

/** Those that did not succeed, the newest first. */
function Attempts({ attempts }) {
  return html`<section class="card attempts"><header><h2>${t('attempts')}</h2></header><ol class="timeline">
    ${[...attempts].reverse().map((one) => html`<li key=${one.ended_at_ms} data-state="dead">
      <details><summary><b>${one.attempt}. ${one.error.type}</b> <span class="quiet">${duration(one.ended_at_ms - one.started_at_ms)}</span></summary>
        <pre tabindex="0" role="region" aria-label=${one.error.type}>${one.error.message}</pre></details>
      <span class="when">${clock(one.ended_at_ms)}</span> <small class="quiet">${one.worker}</small></li>`)}</ol></section>`;
}

function Details({ job, now }) {
  const rows = [
    [t('queue'), html`<${Link} to=${jobsLink(job.queue)}>${job.queue}</${Link}>`],
    [t('attempt'), t('attempts_of', { attempt: job.attempt, most: job.max_attempts })],
    [t('priority'), job.priority],
    job.worker && [t('worker'), over(job) ? job.worker : html`<${Link} to=${liveLink(job.worker, job.id)}>${job.worker}</${Link}>`],
    job.lease_until_ms && [t('lease'), html`<${Ago} at=${job.lease_until_ms} now=${now} />`],
    job.crashes > 0 && [t('crashes'), job.crashes],
    ...Object.entries(job.headers).map(([name, value]) => [name, html`<code>${value}</code>`]),
  ].filter(Boolean);
  return html`<section class="card"><header><h2>${t('details')}</h2></header><dl class="details">
    ${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}

/** Jobs that it waits for, or that wait for it: where they are, and what they are at. */
function Linked({ title, jobs, count, bounded }) {
  return html`<section class="card linked"><header><h2>${title}</h2><span>${number(count)}</span></header>
    <ul>${jobs.map((job) => html`<li key=${job.id}><${Link} to=${'/jobs/' + job.id}>${job.name}</${Link}> <${State} state=${job.state} />
      <code class="id">${job.id}</code></li>`)}</ul>
    ${bounded ? html`<p class="quiet">${t('links_bounded')}</p>` : count > jobs.length && html`<p class="quiet">${t('links_more', { shown: number(jobs.length) })}</p>`}</section>`;
}

function Progress({ job }) {
  const percent = Math.round(job.progress * 100);
  return html`<section class="card"><header><h2>${t('progress')}</h2><span>${percent} %</span></header>
    <progress max="100" value=${percent} aria-label=${t('progress')}></progress>${job.progress_note && html`<p class="note">${job.progress_note}</p>`}</section>`;
}

/** The same work once more. What is edited is text, and goes to the broker as it stands there. */
function Clone({ job, session, close }) {
  const [text, setText] = useState(job.args_bytes > 65536 ? null : job.args);
  const [whole, setWhole] = useState(job.args);
  const [error, setError] = useState(null);
  useEffect(() => {
    if (text != null) return;
    getText(`/jobs/${job.id}/args`).then((all) => {
      setWhole(all);
      setText(all);
    }, setError);
  }, []);
  const may = session.role === 'admin';
  const submit = async (event) => {
    event.preventDefault();
    try {
      const { id } = await post(`/jobs/${job.id}/clone`, text === whole ? {} : { args: text });
      close();
      go('/jobs/' + id);
      news(t('cloned'));
    } catch (caught) {
      setError(caught);
    }
  };
  return html`<${Dialog} title=${t('clone_title', { name: job.name })} close=${close}><form class="clone" onSubmit=${submit}>
    <p>${t(may ? 'clone_text' : 'clone_as_it_is', { queue: job.queue })}</p>
    <label>${t('args')}<textarea rows="10" spellcheck=${false} value=${text ?? ''} readonly=${!may || text == null} onInput=${(e) => setText(e.target.value)}></textarea></label>
    ${error && html`<${Problem} error=${error} />`}
    <div class="buttons"><button type="button" onClick=${close}>${t('back')}</button><button class="primary" disabled=${text == null}>${t('clone')}</button></div>
  </form></${Dialog}>`;
}

export function Job({ id, session }) {
  const { value: job, error, again } = useLoad(() => get('/jobs/' + encodeURIComponent(id)), [id]);
  const [asked, setAsked] = useState(null);
  const now = useNow();
  const [cloning, setCloning] = useState(false);
  useEffect(() => subscribe('jobs', again), [id]);
  // Progress changes no count that the stream could tell of.
  useEvery(job && job.state === 'leased' && 2000, again);
  if (error && error.status === 404) return html`<${Head} title=${t('no_job')} /><${Empty} title=${id} text=${t('no_job_text')} command=${'coterie job ' + id} />`;
  if (error && !job) return html`<${Head} title=${t('job')} /><${Problem} error=${error} again=${again} />`;
  if (!job) return html`<${Head} title=${t('job')} /><p class="quiet">${t('loading')}</p>`;
  const may = mayChange(session);
  const act = (action, said) => ({
    title: t(action + '_title'), text: t(action + '_text'), danger: action === 'cancel',
    yes: async () => {
      await post(`/jobs/${job.id}/${action}`);
      news(t(said));
      again();
    },
  });
  const ended = over(job);
  return html`<${Head} title=${job.name}>
      ${may && ended && job.state !== 'done' && html`<button class="primary" data-key="r" onClick=${() => setAsked(act('retry', 'retried'))}>${t('retry')}</button>`}
      ${may && !ended && html`<button data-key="c" onClick=${() => setAsked(act('cancel', 'cancel_sent'))}>${t('cancel')}</button>`}
      ${may && html`<button data-key="n" onClick=${() => setCloning(true)}>${t('clone')}</button>`}</${Head}>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <p class="under"><${State} state=${job.state} />${job.cancel_requested && !ended && html` <span class="state" data-state="paused">${t('cancel_requested')}</span>`}
      <code class="id">${job.id}</code> <${Copy} text=${job.id} /></p>
    <div class="columns"><div>
      ${job.error && html`<section class="card failed"><header><h2>${t('error')}: <span class="name">${job.error.type}</span></h2><${Copy} text=${job.error.message} /></header>
        <pre tabindex="0" role="region" aria-label=${t('error')}>${job.error.message}</pre></section>`}
      ${job.state === 'leased' && html`<${Progress} job=${job} />`}
      ${job.state === 'leased' && session && session.role !== 'viewer' && html`<${JobStack} job=${job} />`}
      <${Body} title=${t('args')} text=${job.args} size=${job.args_bytes} all=${`/api/v1/jobs/${job.id}/args`} />
      ${job.result != null && outputOf(job.result) && html`<section class="card body"><header><h2>${t('output')}</h2><${Copy} text=${outputOf(job.result)} /></header>
        <pre tabindex="0" role="region" aria-label=${t('output')}>${outputOf(job.result)}</pre></section>`}
      ${job.result != null && html`<${Body} title=${t('result')} text=${job.result} size=${job.result_bytes} all=${`/api/v1/jobs/${job.id}/result`} />`}
    </div><aside><${Timeline} job=${job} now=${now} />
      ${job.attempts.length > 0 && html`<${Attempts} attempts=${job.attempts} />`}
      <${Details} job=${job} now=${now} />
      ${job.awaited_count > 0 && html`<${Linked} title=${t('waits_for')} jobs=${job.awaited} count=${job.awaited_count} bounded=${job.awaited_bounded} />`}
      ${job.dependents_count > 0 && html`<${Linked} title=${t('dependents')} jobs=${job.dependents} count=${job.dependents_count} />`}</aside></div>
    ${asked && html`<${Confirm} ...${asked} close=${() => setAsked(null)} />`}
    ${cloning && html`<${Clone} job=${job} session=${session} close=${() => setCloning(false)} />`}`;
}
