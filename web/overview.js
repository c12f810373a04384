// @ts-check
// How it goes, at a glance.
import { html, useState, useEffect } from './standalone.module.js';
import { get, subscribe } from './api.js';
import { t, number, rate, duration } from './text.js';
import { Head, Empty, Problem, useLoad } from './ui.js';
import { Chart } from './chart.js';
import { QueueTable } from './queues.js';

const ranges = ['5m', '1h', '24h', '30d'];

export function sums(overview) {
  const sum = (...states) => overview.queues.reduce((n, q) => n + states.reduce((m, s) => m + q.counts[s], 0), 0);
  return {
    ready: sum('ready'), later: sum('scheduled', 'blocked', 'throttled'), running: sum('leased'), dead: sum('dead'),
  };
}

function point(overview) {
  const now = sums(overview);
  return [overview.at_ms, now.ready, now.later, now.running, overview.oldest_ms, overview.done_per_s, overview.failed_per_s];
}

/** The newest point comes with the stream; longer ranges are asked for again at each of their steps. */
function usePoints(range) {
  const [points, setPoints] = useState([]);
  const loaded = useLoad(() => get('/history', { range }), [range]);
  useEffect(() => {
    if (loaded.value && loaded.value.range === range) setPoints(loaded.value.points);
  }, [loaded.value]);
  useEffect(() => {
    if (range !== '5m') {
      const step = range === '1h' ? 15000 : 300000;
      const timer = setInterval(loaded.again, step);
      return () => clearInterval(timer);
    }
    return subscribe('overview', (overview) => setPoints((before) => {
      const last = before.length ? before[before.length - 1][0] : 0;
      if (!overview.at_ms || overview.at_ms - last < 1900) return before;
      return [...before, point(overview)].slice(-150);
    }));
  }, [range]);
  return { points, error: loaded.error };
}

function Tile({ name, value, unit, state, to }) {
  const inside = html`<dt data-state=${state}>${name}</dt><dd>${value}${unit && html` <small>${unit}</small>`}</dd>`;
  return to ? html`<a class="tile" href=${to}><dl>${inside}</dl></a>` : html`<div class="tile"><dl>${inside}</dl></div>`;
}

export function Overview({ overview, session }) {
  const [range, setRange] = useState('5m');
  const { points, error } = usePoints(range);
  const now = overview && sums(overview);
  return html`<${Head} title=${t('overview')}>
      <div class="choice" role="group" aria-label=${t('range')}>${ranges.map((name) => html`<button key=${name}
        aria-pressed=${name === range} onClick=${() => setRange(name)}>${name}</button>`)}</div></${Head}>
    ${error && html`<${Problem} error=${error} />`}
    ${now && html`<div class="tiles">
      <${Tile} name=${t('waiting')} value=${number(now.ready)} state="ready" to="/jobs?filter=state:ready" />
      <${Tile} name=${t('running')} value=${number(now.running)} state="leased" to="/jobs?filter=state:leased" />
      <${Tile} name=${t('later')} value=${number(now.later)} state="scheduled" to="/jobs?filter=state:scheduled" />
      <${Tile} name=${t('dead')} value=${number(now.dead)} state=${now.dead ? 'dead' : ''} to="/dead" />
      <${Tile} name=${t('done_rate')} value=${rate(overview.done_per_s)} unit=${t('per_second')} />
      <${Tile} name=${t('oldest')} value=${overview.oldest_ms ? duration(overview.oldest_ms) : '–'} unit=${overview.oldest_ms ? '' : t('none_waits')} />
    </div>`}
    <div class="charts">
      <${Chart} title=${t('throughput')} unit=${t('jobs_per_second')} range=${range} points=${points}
        series=${[{ name: t('done_rate'), column: 5, colour: '--done', fill: true, text: rate }, { name: t('failed_rate'), column: 6, colour: '--dead', text: rate }]} />
      <${Chart} title=${t('depth')} unit=${t('jobs_count')} range=${range} points=${points}
        series=${[{ name: t('waiting'), column: 1, colour: '--ready', fill: true, text: number }, { name: t('running'), column: 3, colour: '--leased', text: number },
          { name: t('later'), column: 2, colour: '--scheduled', text: number }]} />
    </div>
    ${overview && (overview.queues.length
      ? html`<section class="card"><header><h2>${t('queues')}</h2></header><${QueueTable} overview=${overview} session=${session} /></section>`
      : html`<${Empty} title=${t('no_jobs')} text=${t('no_jobs_text')} command="coterie enqueue --exec 'date; sleep 1; date'" />`)}`;
}
