// The server goes and comes back: the page says so, keeps what it shows, and is live again by itself.

import type { Page } from '@playwright/test';

import { unique } from './support/api';
import { STREAM } from './support/gate';
import type { Home } from './support/home';
import { expect, test, testWithOwnServer } from './support/test';

testWithOwnServer('killed: the page says that it is offline, and dims what it keeps', async ({ home, own, api, watch }) => {
  watch.expectFailure(STREAM, 'the server is dead');
  const text = unique('kept while away');
  await api.say(text);
  await api.addOne();
  await home.openLive();
  const inked = await ink(home);

  await own.kill();
  await expect(home.pill.word).toHaveText('offline');
  await expect(home.root).toHaveAttribute('data-live', 'lost');
  // It tries again, and says when.
  await expect(home.pill.note).toHaveText(/^retry in \d+ s$/);
  // Nothing is blanked.
  await expect(home.counter.number).toHaveText('1');
  await expect(home.messages.text(text)).toHaveCount(1);
  await expect(home.vitals.figure('memory')).toHaveText(/^\d+\.\d$/);
  for (const panel of await home.panels.all()) {
    await expect(panel).toHaveAttribute('data-status', 'stale');
    await expect(panel.locator('.panel-word')).toHaveText('stale');
    await expect(panel.locator('.age')).toHaveText(/ago$|^just now$/);
  }
  expect(await ink(home)).not.toBe(inked);
});

testWithOwnServer('back on its port: the page is live again with the right values, not reloaded', async ({
  home,
  own,
  api,
  watch,
}) => {
  watch.expectFailure(STREAM, 'the server is dead for a while');
  const [old, fresh] = [unique('before the restart'), unique('after the restart')];
  await api.say(old);
  for (let times = 0; times < 5; times++) await api.addOne();
  await home.openLive();
  await expect(home.counter.number).toHaveText('5');
  await home.page.evaluate(() => Object.assign(window, { stayed: true }));
  const tries = triesOf(home.page);

  await own.kill();
  // Gone for several tries: the page does not give up.
  await expect.poll(tries).toBeGreaterThanOrEqual(3);
  await own.start();
  await api.addOne();
  await api.addOne();

  await home.live();
  await expect(home.pill.word).toHaveText('live');
  await expect(home.counter.number).toHaveText('2');
  await api.say(fresh);
  await expect(home.messages.text(fresh)).toHaveCount(1);
  for (const panel of await home.panels.all()) await expect(panel).toHaveAttribute('data-status', 'live');
  // A lone node keeps nothing: the page says that the past is another one, once, between the two.
  await expect(home.messages.marks).toHaveText([/rewound/]);
  const rows = await home.messages.root.locator('.log-list > li').allTextContents();
  expect(rows.map((row) => (row.includes(old) ? 'old' : row.includes(fresh) ? 'fresh' : 'mark'))).toEqual([
    'old',
    'mark',
    'fresh',
  ]);
  await expect(home.notices).toHaveCount(1);
  await expect(home.notices).toContainText('The past was rewound');
  expect(await home.page.evaluate(() => 'stayed' in window)).toBe(true);

  await home.notices.getByRole('button', { name: /put this notice away/i }).click();
  await expect(home.notices).toHaveCount(0);
});

testWithOwnServer('what is done while the server is away is refused in words', async ({ home, own, watch }) => {
  watch.expectFailure(STREAM, 'the server is dead');
  watch.expectFailure(/\/fn\/(say|add_one)$/, 'the server is dead');
  await home.openLive();
  await own.kill();
  await expect(home.pill.word).toHaveText('offline');
  await home.counter.button.click();
  await expect(home.counter.error).toHaveText(/server was not reached/);
  await home.messages.say('not now');
  await expect(home.messages.error).toHaveText(/server was not reached/);
  await expect(home.messages.input).toHaveValue('not now');

  await own.start();
  await home.live();
  await home.messages.button.click();
  await expect(home.messages.text('not now')).toHaveCount(1);
  await expect(home.messages.error).toHaveText(/^\s*$/);
  await home.counter.button.click();
  await expect(home.counter.number).toHaveText('1');
  await expect(home.counter.error).toHaveText(/^\s*$/);
});

testWithOwnServer('painted by one server and opened on the next: the values are the next one\'s', async ({
  home,
  own,
  api,
  watch,
}) => {
  watch.expectFailure(STREAM, 'held back, and then the server is dead');
  for (let times = 0; times < 3; times++) await api.addOne();
  // The first try meets a server that is gone.
  await home.page.route(STREAM, async (route) => {
    await own.kill();
    await route.abort('connectionrefused');
    await own.start();
    await home.page.unroute(STREAM);
  }, { times: 1 });
  await home.openLive();
  await expect(home.counter.number).toHaveText('0');
});

test.describe('between two tries', () => {
  for (const [what, random, expected] of [
    ['the delays double up to 30 seconds', 0.9999, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]],
    ['half of that, if chance says so', 0.5, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]],
  ] as const) {
    test(what, async ({ home, watch }) => {
      watch.expectFailure(STREAM, 'the stream is refused again and again');
      watch.expectConsole(/./, 'tries are logged', { maybe: true });
      await home.page.route(STREAM, (route) => route.abort('connectionrefused'));
      await home.page.addInitScript(shortenDelays, random);
      await home.open();
      const delays = () => home.page.evaluate(() => (window as unknown as { delays: number[] }).delays);
      await expect.poll(async () => (await delays()).length).toBeGreaterThanOrEqual(expected.length);
      (await delays()).slice(0, expected.length).forEach((delay, nth) => {
        expect(Math.abs(delay - expected[nth]!), `delay ${nth}: ${delay} ms`).toBeLessThanOrEqual(5);
      });
    });
  }
});

/** Runs in the page, before its script: delays are noted, and over at once; chance is no chance. */
function shortenDelays(random: number): void {
  const delays: number[] = [];
  Object.assign(window, { delays });
  Math.random = () => random;
  const real = window.setTimeout;
  const shortened = (handler: TimerHandler, delay = 0, ...rest: unknown[]) => {
    if (delay > 0) delays.push(delay);
    return real(handler, Math.min(delay, 1), ...rest);
  };
  window.setTimeout = shortened as typeof window.setTimeout;
}

/** The colour of the counter's number. */
async function ink(home: Home): Promise<string> {
  return home.counter.number.evaluate((element) => getComputedStyle(element).color);
}

/** How often a page has tried to open its stream, from now on. */
function triesOf(page: Page): () => number {
  let tries = 0;
  page.on('request', (request) => (tries += STREAM.test(request.url()) ? 1 : 0));
  return () => tries;
}
