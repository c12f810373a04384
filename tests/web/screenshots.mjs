// The pictures of docs/dashboard.md, of real work. Run by scripts/dashboard-screenshots.
import { makeWorld, launch } from './world.mjs';

const out = process.argv[2];
const world = await makeWorld({ calm: true, stuck: [['deadlock', 'host-3:980']] });
const browser = await launch();

async function shot(name, path, { scheme = 'light', width = 1280, height = 800, wait = 1000, before } = {}) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height }, timezoneId: 'UTC' });
  const page = await context.newPage();
  await page.goto(world.url + path);
  await page.locator('h1').waitFor();
  await page.waitForTimeout(wait);
  if (before) await before(page);
  await page.screenshot({ path: `${out}/dashboard-${name}.png` });
  await context.close();
}

const first = async (filter) => (await (await fetch(`${world.url}/api/v1/jobs?limit=1&filter=${encodeURIComponent(filter)}`)).json()).jobs[0].id;

try {
  await new Promise((done) => setTimeout(done, 60000));  // a minute of work for the charts
  await shot('overview', '/', { wait: 2500 });
  await shot('overview-dark', '/', { scheme: 'dark', wait: 2500 });
  await shot('job', '/jobs/' + (await first('state:dead')), { height: 600 });
  await shot('live', '/live?worker=host-3%3A980', { height: 900, wait: 2500 });
  await shot('workers', '/workers', { height: 620, scheme: 'dark', wait: 2500 });
  await shot('phone', '/', { width: 390, height: 800, wait: 2500 });
  await shot('confirm', '/dead?filter=queue:billing', {
    height: 560, scheme: 'dark', before: async (page) => {
      await page.getByRole('button', { name: 'Retry all that match' }).click();
      await page.getByRole('dialog').waitFor();
    },
  });
} finally {
  await browser.close();
  await world.stop();
}
