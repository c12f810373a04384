// @ts-check
// Words, numbers and times as people read them.
import { words, waits, errors } from './words.js';

let language = localStorage.getItem('coterie-language') || ((navigator.language || '').startsWith('zh') ? 'zh' : 'en');
if (language !== 'zh') language = 'en';

export function currentLanguage() {
  return language;
}
export function setLanguage(next) {
  language = next;
  localStorage.setItem('coterie-language', next);
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
}
setLanguage(language);

/** The words of `key`, with {name} replaced, and {name|job|jobs} by the word for one or for more. */
export function t(key, values = {}) {
  const [english, chinese] = words[key] || [key, key];
  return (language === 'zh' ? chinese : english).replace(/\{(\w+)(?:\|(.*?)\|(.*?))?\}/g,
    (_, name, one, more) => (one == null ? String(values[name] ?? '') : String(values[name]) === '1' ? one : more));
}

/** 'dead' is a page and a state, which have names of their own. */
export function stateName(state) {
  return t(state === 'dead' ? 'dead_state' : state);
}

/** What a task waits for, as the dump says it in English. */
export function waitName(what) {
  return (language === 'zh' && waits[what]) || what;
}

/** What kind an error is, where its own words are not in the reader's language. */
export function errorName({ code, status }) {
  return language === 'zh' && (errors[code] || errors[status]);
}

/** In one line. */
export function errorText(error) {
  const name = errorName(error);
  return (name ? name + '：' : '') + error.message;
}

export function number(value) {
  return value.toLocaleString(language === 'zh' ? 'zh-CN' : 'en-GB');
}

/** What was done to many jobs. */
export const numbers = ({ changed, matched, most }) => ({ changed: number(changed), matched: number(matched), most: number(most) });

export function rate(value) {
  return value === 0 ? '0' : value < 10 ? value.toFixed(1) : number(Math.round(value));
}

const units = { ms: '毫秒', s: '秒', m: '分', h: '小时', d: '天' };

/** 12 ms, 1.5 s, 3m 20s, 2h 05m, 4d 3h: as the command writes it; or 3分20秒. */
export function duration(ms) {
  const text = english(ms);
  return language === 'zh' ? text.replace(/ 0?0[smh]$/, '').replace(/ ?([a-z]+) ?/g, (_, unit) => units[unit]) : text;
}

function english(ms) {
  const two = (value) => String(value).padStart(2, '0');
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h ${two(Math.floor(seconds / 60) % 60)}m`;
  return `${Math.floor(seconds / 86400)}d ${Math.floor(seconds / 3600) % 24}h`;
}

export function ago(at, now) {
  if (Math.abs(now - at) < 1000) return t('now');
  return at < now ? t('ago', { time: duration(now - at) }) : t('in', { time: duration(at - now) });
}

/** In the reader's zone, as the axes of charts. */
export function clock(at) {
  return new Date(at - new Date(at).getTimezoneOffset() * 60000).toISOString().replace('T', ' ').replace('Z', '');
}

export function bytes(count) {
  return count < 1024 ? `${count} B` : count < 1048576 ? `${(count / 1024).toFixed(1)} kB` : `${(count / 1048576).toFixed(1)} MB`;
}

/** JSON with line ends, token by token: numbers stay as they were written, however long. */
export function indented(text) {
  if (!/^\s*[[{]/.test(text)) return text;
  let out = '';
  let depth = 0;
  const line = () => '\n' + '  '.repeat(depth);
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      const begin = i;
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++;
      out += text.slice(begin, i + 1);
    } else if (c === '{' || c === '[') {
      const rest = text.slice(i + 1).trimStart()[0];
      if (rest === '}' || rest === ']') {
        out += c + rest;
        i = text.indexOf(rest, i + 1);
      } else {
        depth = Math.min(depth + 1, 64);
        out += c + line();
      }
    } else if (c === '}' || c === ']') {
      depth = Math.max(0, depth - 1);
      out += line() + c;
    } else if (c === ',') out += c + line();
    else if (c === ':') out += ': ';
    else if (!/\s/.test(c)) out += c;
  }
  return out;
}
