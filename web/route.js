// @ts-check
// Where we are: the address, and nothing else, says what is shown.
const listeners = new Set();

export function onRoute(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function go(to) {
  if (to === location.pathname + location.search) return;
  history.pushState(null, '', to.replace(/\?$/, ''));
  for (const listener of listeners) listener();
}

addEventListener('popstate', () => {
  for (const listener of listeners) listener();
});

addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('a[href^="/"]') : null;
  if (!link || link.hasAttribute('download') || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute('href'));
  scrollTo(0, 0);
});
