// What a hand does on the pages: clicks, dialogs, many tabs, the keyboard alone. One world for all of it on each
// broker; the keys come last, for they change jobs.
import { describe } from 'node:test';
import { whole, wholeInEveryLook } from './world.mjs';
import { useWorld } from './suite.mjs';
import { clicks } from './clicks.mjs';
import { dialogs } from './dialogs.mjs';
import { keys } from './keys.mjs';
import { tabs } from './tabs.mjs';

for (const kind of ['sqlite', 'redis'])
  describe(`on ${kind}`, () => {
    const world = useWorld({ kind, calm: true, many: 120 });
    describe('dialogs', () => dialogs(world, kind === 'sqlite' ? wholeInEveryLook : whole));
    describe('a click', () => clicks(world));
    describe('tabs', () => tabs(world, kind === 'sqlite'));
    describe('keys', () => keys(world));
  });
