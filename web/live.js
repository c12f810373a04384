// @ts-check
// What the tasks of a worker do at this moment: loops, the tree of tasks, and the stack of each.
import { html, useState, useEffect, useRef } from './standalone.module.js';
import { get } from './api.js';
import { t, number, duration, waitName } from './text.js';
import { Head, Empty, Awaited, Link, Ago, useEvery, useNow, useLoad } from './ui.js';

const again_ms = 2000;
/** So few tasks are shown with their stacks; of more, those that matter. */
const few = 25;
/** So deep is a tree drawn. */
const deepest = 64;
const jobOf = (task) => (/ ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(task.name) || [])[1];
const nameOf = (task) => (jobOf(task) ? task.name.slice(0, -37) : task.name) || t('unnamed');
const alive = (worker) => worker.state === 'alive' && worker.id;
const tasksOf = (id) => get(`/workers/${encodeURIComponent(id)}/tasks`);
export const liveLink = (worker, job) => '/live?worker=' + encodeURIComponent(worker) + (job ? '&job=' + job : '');

/** The tasks of a loop by id, those under each, and who is part of a deadlock. */
function treeOf(loop, page = '') {
  const byId = new Map(loop.tasks.map((task) => [task.id, task]));
  const under = new Map();
  for (const task of loop.tasks) {
    const parent = byId.has(task.parent) && task.parent !== task.id ? task.parent : 0;
    if (!under.has(parent)) under.set(parent, []);
    under.get(parent).push(task);
  }
  return { loop, page, byId, under, stuck: new Set(loop.deadlocks.flat().map((link) => link.task)) };
}

/** Loops that somebody asks about first: stuck, standing still, with jobs; then the worker's own helpers. */
function rank(loop) {
  if (loop.deadlocks.length > 0) return 0;
  if (!loop.synchronised && loop.thread) return 1;
  return loop.tasks.some(jobOf) ? 2 : 3;
}

function TaskName({ task, tree }) {
  const other = tree.byId.get(task);
  return html`<a class="task-link" href=${tree.page + '#task-' + task}>#${task}${other ? ' ' + nameOf(other) : ''}</a>`;
}

/** The tasks that one waits for: who holds its lock, or those that it awaits. */
const awaited = (task) => (task.waits_for ? (task.waits_for.held_by > 0 ? [task.waits_for.held_by] : task.waits_for.tasks) : []);

function waits(task) {
  const wait = task.waits_for;
  if (!wait) return task.running ? t('is_running') : task.ready ? t('is_ready') : '';
  const by = awaited(task).slice(0, 3).map((id) => '#' + id).join(' ');
  // Of a lock or the like; of a connection.
  const its = wait.name || wait.endpoint;
  return t('waits_for_what', { what: waitName(wait.what) }) + (its ? ` “${its}”` : '') + (wait.held_by > 0 ? ` ${t('held_by')} ${by}` : by && ' ' + by);
}

function Stack({ frames }) {
  return html`<ol class="stack">${frames.map((frame, i) => html`<li key=${i}><code>${frame.function}</code>
    <span class="quiet">${frame.file ? `${frame.file}:${frame.line}` : ''}</span></li>`)}</ol>`;
}

/** How many tasks are under one, however deep. Ids may stand twice in what a worker says. */
function below(task, tree) {
  const all = new Set([task.id]);
  for (const id of all) for (const child of tree.under.get(id) || []) all.add(child.id);
  return all.size - 1;
}

function TaskNode({ task, tree, depth, job, open }) {
  const its = jobOf(task);
  const stuck = tree.stuck.has(task.id);
  const children = tree.under.get(task.id) || [];
  const show = open || stuck || task.running || (its && its === job);
  return html`<li id=${'task-' + task.id} class="task" data-stuck=${stuck || undefined} data-chosen=${(its && its === job) || undefined}>
    <details open=${show}><summary><span class="quiet">#${task.id}</span> <b class="name">${nameOf(task)}</b>
      ${stuck && html` <span class="state" data-state="dead">${t('deadlocked')}</span>`}
      ${task.state === 'cancelling' && html` <span class="state" data-state="paused">${t('cancelling')}</span>`}
      <span class="quiet waits">${waits(task)}</span>
      ${task.age_ms != null && html`<span class="quiet age">${duration(task.age_ms)}</span>`}</summary>
      ${awaited(task).length > 0 && html`<p class="of-job">${t('waits_for')}${awaited(task).map((id) => html` <${TaskName} key=${id} task=${id} tree=${tree} />`)}</p>`}
      <${Stack} frames=${task.stack} /></details>
    ${its && html`<p class="of-job"><${Link} to=${'/jobs/' + its}>${t('its_job')} <code>${its}</code></${Link}></p>`}
    ${children.length > 0 && (depth < deepest ? html`<ul class="tasks">${children.map((child) => html`<${TaskNode} key=${child.id} task=${child} tree=${tree} depth=${depth + 1} job=${job} open=${open} />`)}</ul>`
      : html`<p class="quiet of-job">${t('deeper', { count: number(below(task, tree)) })}</p>`)}</li>`;
}

/** Each circle in words, from one of its tasks back to it. */
function Deadlocks({ trees }) {
  const all = trees.flatMap((tree) => tree.loop.deadlocks.map((circle) => ({ circle, tree })));
  if (all.length === 0) return null;
  return html`<section class="card deadlock" role="alert"><header><h2>${t('deadlock')}</h2></header><p>${t('deadlock_text')}</p>
    ${all.map(({ circle, tree }, i) => html`<ol key=${i}>${circle.map((link) => {
    const task = tree.byId.get(link.task);
    const job = task && jobOf(task);
    return html`<li key=${link.task}><${TaskName} task=${link.task} tree=${tree} /> ${t(link.object ? 'waits_for_lock_of' : 'awaits')} <${TaskName} task=${link.waits_for} tree=${tree} />
      ${job && html` · <${Link} to=${'/jobs/' + job}>${t('its_job')}</${Link}>`}</li>`;
  })}</ol>`)}</section>`;
}

function Loop({ tree, place, job, open }) {
  const { loop } = tree;
  const roots = tree.under.get(0) || [];
  const stands = !loop.synchronised && loop.thread > 0;
  const title = t('loop_title', { number: place, thread: loop.thread || '–' });
  const body = html`${stands && html`<p class="stands">${t('stands_still')}</p>`}
    ${loop.native_stack.length > 0 && html`<pre tabindex="0" role="region" aria-label=${t('native_stack')}>${loop.native_stack.join('\n')}</pre>`}
    ${roots.length > 0 && html`<ul class="tasks">${roots.map((task) => html`<${TaskNode} key=${task.id} task=${task} tree=${tree} depth=${0} job=${job} open=${open} />`)}</ul>`}
    ${loop.left_out > 0 && html`<p class="quiet">${t('left_out', { count: number(loop.left_out) })}</p>`}`;
  const count = html`<span class="quiet">${t('task_count', { count: number(loop.task_count) })}</span>`;
  const still = stands && html` <span class="state" data-state="dead">${t('unsynchronised')}</span>`;
  if (rank(loop) === 3)
    return html`<details class="card helper"><summary><h2>${title}</h2>${still} ${count}</summary>${body}</details>`;
  return html`<section class="card"><header><h2>${title}</h2>${still}${count}</header>${body}</section>`;
}

/** Why there is nothing to see. */
function NoDump({ seen, worker, now }) {
  const heard = worker && worker.heard_at_ms ? html`<p class="quiet">${t('heard')} <${Ago} at=${worker.heard_at_ms} now=${now} /></p>` : null;
  return html`<${Empty} title=${t('outcome_' + seen.outcome)} text=${seen.why || t('outcome_' + seen.outcome + '_text')}
    command=${seen.outcome === 'silent' && worker && worker.name ? 'coterie workers' : undefined} />${heard}`;
}

function Process({ worker, job }) {
  const loaded = useLoad(() => tasksOf(worker.id), []);
  const { value: seen, again } = loaded;
  const [follow, setFollow] = useState(true);
  const now = useNow();
  useEvery(follow && again_ms, again);
  const there = Boolean(seen);
  useEffect(() => {
    const chosen = document.querySelector('[data-chosen]') || (location.hash && document.getElementById(location.hash.slice(1)));
    if (there && chosen) chosen.scrollIntoView({ block: 'center' });
  }, [there]);
  const trees = seen && seen.dump ? seen.dump.loops.map((loop) => treeOf(loop)) : [];
  const places = new Map(trees.map((tree, i) => [tree, i + 1]));
  const count = trees.reduce((sum, tree) => sum + tree.loop.tasks.length, 0);
  return html`<div class="under"><span class="state" data-state=${worker.state === 'alive' ? 'leased' : 'cancelled'}>${t('worker_' + worker.state)}</span>
      ${seen && seen.dump && html`<span class="quiet">${seen.dump.program} · ${t('process')} ${seen.dump.pid} · ${t('up', { time: duration(seen.dump.uptime_ms) })} · coterie ${worker.version}</span>`}
      ${seen && html`<span class="quiet">${t('seen')} <${Ago} at=${seen.at_ms} now=${now} /></span>`}
      <span class="tools"><button class="small" aria-pressed=${follow} onClick=${() => setFollow(!follow)}>${t(follow ? 'stop_following' : 'follow')}</button>
      <button class="small" data-key="r" onClick=${again}>${t('refresh')}</button></span></div>
    <${Awaited} ...${loaded} />
    ${seen && !seen.dump && html`<${NoDump} seen=${seen} worker=${worker} now=${now} />`}
    <${Deadlocks} trees=${trees} />
    ${[...trees].sort((a, b) => rank(a.loop) - rank(b.loop)).map((tree) => html`<${Loop} key=${places.get(tree)} tree=${tree} place=${places.get(tree)} job=${job} open=${count <= few} />`)}`;
}

/** `worker` of the address is an id or a name; without one it is the only one that lives, if there is one. */
export function Live({ parameters }) {
  const loaded = useLoad(() => get('/workers'), []);
  const { value } = loaded;
  useEvery(5000, loaded.again);
  const kept = useRef('');
  const wanted = parameters.get('worker');
  const workers = value ? value.workers : [];
  const living = workers.filter(alive);
  const is = (worker) => worker.id === wanted || worker.name === wanted;
  const worker = wanted ? living.find(is) || workers.find((one) => one.id && is(one)) : living.length === 1 ? living[0] : workers.find((one) => one.id && one.id === kept.current);
  // Who looks at the only one stays with it when another one comes.
  if (!wanted && worker) kept.current = worker.id;
  return html`<${Head} title=${worker ? worker.name : t('live_page')} />
    <${Awaited} ...${loaded} />
    ${value && living.length === 0 && !worker && html`<${Empty} title=${t('no_workers')} text=${t('no_workers_text')} command="coterie worker --allow-exec" />`}
    ${value && wanted && !worker && living.length > 0 && html`<p class="quiet">${t('no_such_worker', { name: wanted })}</p>`}
    ${living.length > (worker ? 1 : 0) && html`<nav class="choice processes" aria-label=${t('workers')}>${living.map((one) => html`<${Link} key=${one.id} to=${liveLink(one.id)} aria-current=${worker === one ? 'page' : undefined}>${one.name}
      <span class="quiet">${number(one.jobs.length)}</span></${Link}>`)}</nav>`}
    ${worker && html`<${Process} key=${worker.id} worker=${worker} job=${parameters.get('job')} />`}`;
}

/** On a job's page: its own task and what that has spawned. */
export function JobStack({ job }) {
  const load = async () => {
    const { workers } = await get('/workers');
    const named = workers.filter((worker) => alive(worker) && worker.name === job.worker);
    for (const worker of named) {
      const seen = await tasksOf(worker.id);
      for (const tree of seen.dump ? seen.dump.loops.map((loop) => treeOf(loop, liveLink(worker.id))) : []) {
        const task = tree.loop.tasks.find((one) => jobOf(one) === job.id);
        if (task) return { worker, seen, tree, task };
      }
      if (named.length === 1) return { worker, seen };
    }
    return {};
  };
  const loaded = useLoad(load, [job.id, job.attempt]);
  const { value, again } = loaded;
  const now = useNow();
  const { worker, seen, tree, task } = value || {};
  return html`<section class="card"><header><h2>${t('live_stack')}</h2><div class="tools">
      ${seen && html`<small class="quiet">${t('seen')} <${Ago} at=${seen.at_ms} now=${now} /></small>`}
      ${worker && html`<${Link} class="button small" to=${liveLink(worker.id, job.id)}>${t('whole_process')}</${Link}>`}
      <button class="small" onClick=${again}>${t('refresh')}</button></div></header>
    <${Awaited} ...${loaded} />
    ${tree && html`<${Deadlocks} trees=${[tree].filter((one) => one.stuck.has(task.id))} />`}
    ${tree && !tree.loop.synchronised && html`<p class="stands">${t('stands_still')}</p>`}
    ${task && html`<ul class="tasks"><${TaskNode} task=${task} tree=${tree} depth=${0} open=${true} /></ul>`}
    ${value && !task && html`<p class="quiet">${t(!seen ? 'worker_not_found' : seen.dump ? 'no_task' : 'outcome_' + seen.outcome)}</p>`}</section>`;
}
