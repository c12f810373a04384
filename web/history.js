// @ts-check
// How it went: the charts of all queues, or of one.
import { html, useState, useEffect } from './standalone.module.js';
import { get, subscribe } from './api.js';
import { t, number, rate, duration } from './text.js';
import { Problem, useEvery, useLoad } from './ui.js';
import { go } from './route.js';
import { Chart } from './chart.js';

const ranges = ['5m', '1h', '24h', '30d'];
const steps = { '5m': 4000, '1h': 15000, '24h': 300000, '30d': 300000 };

/** Of all queues the newest point comes with the stream; all else is asked for again at each of its steps. */
function usePoints(range, queue) {
  const [points, setPoints] = useState([]);
  const loaded = useLoad(() => get('/history', { range, queue }), [range, queue]);
  useEffect(() => {
    if (loaded.value && loaded.value.range === range) setPoints(loaded.value.points);
  }, [loaded.value]);
  const streamed = range === '5m' && !queue;
  useEvery(!streamed && steps[range], loaded.again);
  // What a hidden tab, or one whose stream was cut, has missed is in the broker's history.
  useEffect(() => {
    const shown = () => document.hidden || loaded.again();
    document.addEventListener('visibilitychange', shown);
    return () => document.removeEventListener('visibilitychange', shown);
  }, []);
  useEffect(() => streamed && subscribe('overview', ({ point, at_ms }) => setPoints((before) => {
    const since = at_ms - (before.length ? before[before.length - 1][0] : 0);
    if (before.length && since > 5000) loaded.again();
    return point && since >= 1900 ? [...before, point].filter((p) => p[0] > at_ms - 300000) : before;
  })), [streamed]);
  return { points, step: loaded.value && loaded.value.step_ms, error: loaded.error };
}

/** Which stands in the address, so that it goes along where that is sent. */
export function useRange(parameters) {
  const range = ranges.find((name) => name === parameters.get('range')) || ranges[0];
  const setRange = (name) => {
    const next = new URLSearchParams(parameters);
    if (name === ranges[0]) next.delete('range');
    else next.set('range', name);
    go(location.pathname + '?' + next.toString());
  };
  const choice = html`<div class="choice" role="group" aria-label=${t('range')}>${ranges.map((name) => html`<button key=${name}
    aria-pressed=${name === range} onClick=${() => setRange(name)}>${name}</button>`)}</div>`;
  return { range, choice };
}

const percentiles = (first) => ['p50', 'p95', 'p99'].map((name, i) => ({
  name, column: first + i, colour: ['--scheduled', '--leased', '--dead'][i], text: (ms) => (ms == null ? '–' : duration(ms)),
}));
const age = (ms) => (ms ? duration(ms) : '–');

export function Charts({ range, queue }) {
  const { points, step, error } = usePoints(range, queue);
  const chart = (title, unit, series, axis) => html`<${Chart} title=${t(title)} unit=${unit} range=${range} points=${points} step=${step} series=${series} axis=${axis} />`;
  if (error && error.code === 'no_history') return html`<p class="quiet">${t('no_history')}</p>`;
  return html`${error && html`<${Problem} error=${error} />`}<div class="charts">
    ${chart('throughput', t('jobs_per_second'), [{ name: t('done_rate'), column: 5, colour: '--done', fill: true, text: rate }, { name: t('failed_rate'), column: 6, colour: '--dead', text: rate }])}
    ${chart('depth', t('jobs_count'), [{ name: t('waiting'), column: 1, colour: '--ready', fill: true, text: number }, { name: t('running'), column: 3, colour: '--leased', text: number },
      { name: t('later_states'), column: 2, colour: '--scheduled', text: number }, { name: t('dead'), column: 13, colour: '--dead', text: number }])}
    ${chart('oldest', t('oldest_text'), [{ name: t('oldest'), column: 4, colour: '--ready', fill: true, text: age }], duration)}
    ${chart('wait_time', t('wait_time_text'), percentiles(7), duration)}
    ${chart('run_time', t('run_time_text'), percentiles(10), duration)}</div>`;
}
