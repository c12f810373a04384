// @ts-check
// A chart over time, and the same as a table.
import { html, useState, useEffect, useRef } from './standalone.module.js';
import { t, clock } from './text.js';

/* global uPlot */

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function timeText(seconds, span) {
  const date = new Date(seconds * 1000);
  const two = (value) => String(value).padStart(2, '0');
  if (span > 3 * 86400) return `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return span > 1200 ? minutes : `${minutes}:${two(date.getSeconds())}`;
}

function options(width, series, show) {
  const grid = { stroke: colour('--line'), width: 1 };
  const axis = { stroke: colour('--quiet'), font: '12px system-ui, sans-serif', grid, ticks: { show: false } };
  return {
    width,
    height: 190,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    hooks: { setCursor: [(plot) => show(plot.cursor.idx)] },
    scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.1, 1)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 90, values: (plot, splits) => splits.map((s) => timeText(s, plot.scales.x.max - plot.scales.x.min)) },
      { ...axis, size: 46, space: 40, values: (_, splits) => splits.map((v) => (v >= 10000 ? `${v / 1000}k` : String(Number(v.toFixed(2))))) },
    ],
    series: [{}, ...series.map((line) => ({
      stroke: colour(line.colour), width: 1.75, points: { show: false },
      fill: line.fill ? colour(line.colour) + '1f' : undefined,
    }))],
  };
}

function Plot({ data, series, label, show, theme }) {
  const place = useRef(null);
  const plot = useRef(null);
  useEffect(() => {
    const element = place.current;
    plot.current = new uPlot(options(element.clientWidth, series, show), data, element);
    const observer = new ResizeObserver(() => plot.current.setSize({ width: element.clientWidth, height: 190 }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current.destroy();
    };
  }, [theme]);
  useEffect(() => plot.current.setData(data), [data]);
  return html`<div class="plot" role="img" aria-label=${label} ref=${place}></div>`;
}

/**
 * @param {{title: string, unit: string, range: string, points: number[][], theme: string,
 *          series: {name: string, column: number, colour: string, fill?: boolean, text: (v: number) => string}[]}} props
 */
export function Chart({ title, unit, range, points, series, theme }) {
  const [table, setTable] = useState(false);
  const [at, setAt] = useState(null);
  const data = [points.map((p) => p[0] / 1000), ...series.map((line) => points.map((p) => p[line.column]))];
  const shown = points[at ?? points.length - 1];
  const values = shown ? series.map((line) => `${line.name} ${line.text(shown[line.column])}`).join(', ') : '';
  return html`<section class="card chart" aria-label=${title}>
    <header><h2>${title} <small>${unit}</small></h2>
      <ul class="legend">${series.map((line) => html`<li key=${line.column}><i data-colour=${line.colour}></i>${line.name}
        <b>${shown ? line.text(shown[line.column]) : '–'}</b></li>`)}</ul>
      <button class="small" aria-pressed=${table} onClick=${() => setTable(!table)}>${t(table ? 'chart' : 'table')}</button></header>
    ${points.length < 2
      ? html`<p class="quiet soon">${t('no_points')}</p>`
      : table
        ? html`<div class="scroll short" tabindex="0" role="region" aria-label=${title}><table><thead><tr><th>${t('time')}</th>
            ${series.map((line) => html`<th class="number">${line.name}</th>`)}</tr></thead>
            <tbody>${points.slice().reverse().map((p) => html`<tr key=${p[0]}><td>${clock(p[0])}</td>
            ${series.map((line) => html`<td class="number">${line.text(p[line.column])}</td>`)}</tr>`)}</tbody></table></div>`
        : html`<${Plot} data=${data} series=${series} label=${t('chart_label', { title, range, values })} show=${setAt} theme=${theme} />`}
  </section>`;
}
