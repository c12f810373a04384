// @ts-check
// The keyboard: everything can be reached without a mouse, and what is used often by one key.
import { html, useState, useLayoutEffect } from './standalone.module.js';
import { t } from './text.js';
import { go } from './route.js';
import { Dialog } from './ui.js';

const pages = { o: '/', q: '/queues', j: '/jobs', d: '/dead', w: '/workers', l: '/live' };

let letters = localStorage.getItem('coterie-keys') !== 'off';

function rows() {
  return [...document.querySelectorAll('tr[data-row]')];
}

function move(step) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  next.querySelector('.row-link').focus();
}

export function useKeys({ help, theme }) {
  // Keys are heard from the moment the page stands there; an effect would come a frame later, and lose the first one.
  useLayoutEffect(() => {
    let going = false;
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
      const target = event.target;
      if (target instanceof HTMLElement && target.matches('input:not([type=checkbox]), textarea, select')) {
        if (event.key === 'Escape') target.blur();
        return;
      }
      if (!letters) return;
      const key = event.key;
      if (going && pages[key]) {
        event.preventDefault();
        go(pages[key]);
      } else if (key === '?') help();
      else if (key === 't') theme();
      else if (key === '/') {
        const filter = document.getElementById('filter');
        if (filter) filter.focus();
        else go('/jobs');
        event.preventDefault();
      } else if (key === 'j') move(1);
      else if (key === 'k') move(-1);
      else if (key === 'x') {
        const row = document.activeElement && document.activeElement.closest('tr[data-row]');
        const box = row && row.querySelector('input[type=checkbox]');
        if (box) box.click();
      } else {
        const button = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
        if (button instanceof HTMLElement) button.click();
      }
      going = key === 'g' && !going;
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [help, theme]);
}

export function Keys({ close }) {
  const [on, setOn] = useState(letters);
  const turn = () => {
    setOn(letters = !on);
    localStorage.setItem('coterie-keys', on ? 'off' : 'on');
  };
  const list = [
    ['g o · g q · g j · g d · g w · g l', 'key_go'], ['/', 'key_filter'], ['j · k', 'key_move'], ['Enter', 'key_open'], ['x', 'key_select'],
    ['r', 'key_retry'], ['c', 'key_cancel'], ['n', 'key_clone'], ['t', 'key_theme'], ['?', 'key_help'], ['Esc', 'key_close'],
  ];
  return html`<${Dialog} title=${t('keys_title')} close=${close}><dl class="keys">
    ${list.map(([key, what]) => html`<div key=${key}><dt>${key.split(' · ').map((k) => html`<kbd>${k}</kbd> `)}</dt><dd>${t(what)}</dd></div>`)}</dl>
    <label><input type="checkbox" checked=${on} onChange=${turn} /> ${t('keys_on')}</label>
    <div class="buttons"><button class="primary" autofocus onClick=${close}>${t('back')}</button></div></${Dialog}>`;
}
