// Fields that are not for eyes: not on a page, not in an answer, wherever the job is and however it ended.
import test, { describe } from 'node:test';
import assert from 'node:assert/strict';
import { ask, seen } from './world.mjs';
import { withTab, useWorld } from './suite.mjs';

// As web_agent enqueues them; its handler declares "pin", and the dashboard is told of "iban".
const hidden = ['correct horse', '4711-0815', 'DE02120300000000202051'];
const clean = (text, what) => hidden.forEach((value) => assert.ok(!text.includes(value), `${what} has ${value}`));

for (const kind of ['sqlite', 'redis']) {
  describe(`on ${kind}`, () => {
    const world = useWorld({ kind, calm: true, flags: ['--redact', 'iban'] });

    test('no answer of the API has a hidden value', async () => {
      const { jobs } = await ask(world, '/jobs?filter=name:login&limit=9');
      assert.deepEqual(jobs.map((job) => job.state).sort(), ['dead', 'leased']);
      const paths = ['/jobs', '/jobs?filter=state:dead', '/jobs?filter=ann', '/workers', '/overview'];
      for (const job of jobs) paths.push('/jobs/' + job.id, `/jobs/${job.id}/args`);
      const { workers } = await ask(world, '/workers');
      paths.push(`/workers/${workers[0].id}/tasks`);
      for (const path of paths) {
        const response = await fetch(world.url + '/api/v1' + path);
        assert.equal(response.status, 200, path);
        clean(await response.text(), path);
      }
      const stream = await fetch(world.url + '/api/v1/events?topics=' + jobs.map((job) => 'job:' + job.id).join());
      const reader = stream.body.getReader();
      let told = '';
      while (!jobs.every((job) => told.includes(job.id))) told += new TextDecoder().decode((await reader.read()).value);
      await reader.cancel();
      clean(told, 'the stream');
      assert.match(told, /\[redacted\]/);
    });

    test('a page shows that a value is hidden, and asking for it is refused', async () => {
      await withTab(world, {}, async (page) => {
        const [dead] = (await ask(world, '/jobs?filter=name:login%20state:dead')).jobs;
        await page.goto(world.url + '/jobs/' + dead.id);
        await page.locator('pre', { hasText: '"password": "[redacted]"' }).waitFor();
        const text = await page.textContent('main');
        clean(text, 'the page');
        assert.match(text, /"user": "ann"/);
        assert.match(text, /"pin": "\[redacted\]"/);
        assert.match(text, /no login with \[redacted\], \[redacted\]/);
        await page.getByRole('button', { name: 'Clone' }).click();
        clean(await page.getByRole('dialog').getByLabel('Arguments').inputValue(), 'the dialog');
        await page.keyboard.press('Escape');
        await page.goto(world.url + '/dead');
        await page.locator('.row-link', { hasText: 'login' }).waitFor();
        clean(await page.textContent('main'), 'the list');
        await page.locator('#filter').fill('args.password:"correct horse"');
        await page.keyboard.press('Enter');
        await page.getByRole('alert').getByText("'args.password' is redacted", { exact: false }).waitFor();
        await page.locator('#filter').fill('"correct horse"');
        await page.keyboard.press('Enter');
        await page.getByText('No job matches.').waitFor();
      });
    });

    test('a running job tells its progress without it', async () => {
      await withTab(world, {}, async (page) => {
        const [running] = (await ask(world, '/jobs?filter=name:login%20state:leased')).jobs;
        await page.goto(world.url + '/jobs/' + running.id);
        await page.locator('.note', { hasText: 'asking the bank for [redacted]' }).waitFor();
        await seen(page, page.locator('.stack').first());
        clean(await page.textContent('main'), 'the page');
      });
    });
  });
}
