// @ts-check
// Lines over time, drawn as SVG in the colours of the page, and the same numbers as a table.
import { html, useState, useEffect, useRef } from './standalone.module.js';
import { t, clock, duration } from './text.js';
import { Scroll } from './ui.js';

const height = 200;
const inset = { left: 54, right: 6, top: 10, bottom: 24 };

const timeSteps = [5, 10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 432000].map((s) => s * 1000);

/** 1, 2 or 5 times a power of ten, or a round time: what a scale counts in. */
function niceStep(most, axis) {
  const rough = most / 4;
  const time = axis === duration && rough > 2000 && timeSteps.find((step) => step >= rough);
  if (time) return time;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((n) => n * power >= rough) || 10);
}

function timeText(at, step) {
  const date = new Date(at);
  const two = (value) => String(value).padStart(2, '0');
  if (step >= 86400000) return `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return step < 60000 ? `${minutes}:${two(date.getSeconds())}` : minutes;
}

function short(value) {
  return value >= 10000 ? `${value / 1000}k` : String(Number(value.toFixed(2)));
}

/** Points and scales in pixels. */
function layout(points, series, width, axis) {
  const first = points[0][0];
  const last = points[points.length - 1][0];
  const most = Math.max(1, ...points.flatMap((p) => series.map((line) => p[line.column] ?? 0)));
  const step = niceStep(most, axis);
  const top = Math.ceil(most / step) * step;
  const right = width - inset.right;
  const x = (at) => inset.left + ((at - first) / (last - first || 1)) * (right - inset.left);
  const y = (value) => height - inset.bottom - (value / top) * (height - inset.bottom - inset.top);
  const room = Math.max(2, Math.floor((right - inset.left) / 90));
  const timeStep = timeSteps.find((s) => (last - first) / s <= room) || timeSteps[timeSteps.length - 1];
  const offset = new Date(first).getTimezoneOffset() * 60000;
  const times = [];
  for (let at = Math.ceil((first - offset) / timeStep) * timeStep + offset; at <= last; at += timeStep) times.push(at);
  const values = [];
  for (let n = 0; n <= Math.round(top / step); n++) values.push(n * step);
  return { x, y, times, values, timeStep, right };
}

function Plot({ points, step, series, label, axis, at, show }) {
  const place = useRef(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(() => place.current && setWidth(place.current.clientWidth));
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  if (width < 80) return html`<div class="plot" ref=${place}></div>`;
  const { x, y, times, values, timeStep, right } = layout(points, series, width, axis);
  // Where points are missing nobody has looked: a line ends there, and begins anew.
  const runs = [];
  points.forEach((p, i) => (i && p[0] - points[i - 1][0] <= 2.5 * step ? runs[runs.length - 1].push(p) : runs.push([p])));
  // Where there is no value (of times: nothing ended) the line goes on to the next one. One that is alone is a dot.
  const curve = (run, line) => run.filter((p) => p[line.column] != null).map((p, i) => `${i ? 'L' : 'M'}${x(p[0]).toFixed(1)},${y(p[line.column]).toFixed(1)}${i ? '' : 'h0'}`).join('');
  const path = (line) => runs.map((run) => curve(run, line)).join('');
  const area = (line) => runs.map((run) => `${curve(run, line)}L${x(run[run.length - 1][0]).toFixed(1)},${y(0)}L${x(run[0][0]).toFixed(1)},${y(0)}Z`).join('');
  const hover = (event) => {
    const left = event.clientX - place.current.getBoundingClientRect().left;
    let best = 0;
    points.forEach((p, i) => {
      if (Math.abs(x(p[0]) - left) < Math.abs(x(points[best][0]) - left)) best = i;
    });
    show(best);
  };
  return html`<div class="plot" ref=${place} onPointerMove=${hover} onPointerLeave=${() => show(null)}>
    <svg role="img" aria-label=${label} width=${width} height=${height}>
      ${values.map((v) => html`<g key=${'y' + v}><line class="grid" x1=${inset.left} x2=${right} y1=${y(v)} y2=${y(v)} />
        <text x=${inset.left - 8} y=${y(v) + 4} text-anchor="end">${axis(v)}</text></g>`)}
      ${times.map((v) => html`<text key=${'x' + v} x=${x(v)} y=${height - 6} text-anchor=${x(v) > right - 30 ? 'end' : 'middle'}>${timeText(v, timeStep)}</text>`)}
      ${series.map((line) => line.fill && html`<path key=${'a' + line.column} class="area" data-colour=${line.colour} d=${area(line)} />`)}
      ${series.map((line) => html`<path key=${'l' + line.column} class="curve" data-colour=${line.colour} d=${path(line)} />`)}
      ${at != null && points[at] && html`<line class="cursor" x1=${x(points[at][0])} x2=${x(points[at][0])} y1=${inset.top} y2=${height - inset.bottom} />`}
      ${at != null && points[at] && series.map((line) => points[at][line.column] != null && html`<circle key=${'c' + line.column} data-colour=${line.colour} cx=${x(points[at][0])} cy=${y(points[at][line.column])} r="3.5" />`)}
    </svg></div>`;
}

/**
 * @param {{title: string, unit: string, range: string, points: (number | null)[][], step: number, axis?: (v: number) => string,
 *          series: {name: string, column: number, colour: string, fill?: boolean, text: (v: any) => string}[]}} props
 */
export function Chart({ title, unit, range, points, step, series, axis = short }) {
  const [table, setTable] = useState(false);
  const [at, setAt] = useState(null);
  const shown = points[at ?? points.length - 1];
  const values = shown ? series.map((line) => `${line.name} ${line.text(shown[line.column])}`).join(', ') : '';
  const row = (p) => html`<tr key=${p[0]}><td>${clock(p[0])}</td>
    ${series.map((line) => html`<td class="number" key=${line.column}>${line.text(p[line.column])}</td>`)}</tr>`;
  return html`<section class="card chart">
    <header><h2>${title} <small>${at != null && shown ? clock(shown[0]).slice(11, 19) : unit}</small></h2>
      <button class="small" aria-pressed=${table} onClick=${() => setTable(!table)}>${t(table ? 'chart' : 'table')}</button>
      <ul class="legend">${series.map((line) => html`<li key=${line.column}><i data-colour=${line.colour}></i>${line.name}
        <b>${shown ? line.text(shown[line.column]) : '–'}</b></li>`)}</ul></header>
    ${points.length < 2 ? html`<p class="quiet soon">${step && t('no_points', { step: duration(step) })}</p>` : table
      ? html`<${Scroll} class="scroll short" label=${title}><table><thead><tr><th>${t('time')}</th>
          ${series.map((line) => html`<th class="number" key=${line.column}>${line.name}</th>`)}</tr></thead>
          <tbody>${points.slice().reverse().map(row)}</tbody></table></${Scroll}>`
      : html`<${Plot} points=${points} step=${step} series=${series} axis=${axis} at=${at} show=${setAt} label=${t('chart_label', { title, range, values })} />`}
  </section>`;
}
