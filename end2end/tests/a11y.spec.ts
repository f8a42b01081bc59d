// For everybody: found by axe, reached by keyboard, readable on a narrow screen.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { thousands, unique } from './support/api';
import { Board, PUBLISH, seed } from './support/board';
import { newRoom, Room, SAY_IN } from './support/chat';
import { STREAM } from './support/gate';
import { expect, test, testWithOwnServer } from './support/test';

/** What axe finds, in a line each. */
async function faults(page: Page): Promise<string[]> {
  // Its types are of another Playwright than ours; what it uses of a page is the same.
  const { violations } = await new AxeBuilder({ page: page as never }).analyze();
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html}`));
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on the live page, ${colorScheme}`, async ({ home, api }) => {
    await api.say(unique('for axe'));
    await home.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await home.openLive();
    await expect(home.pill.word).toHaveText('live');
    expect(await faults(home.page)).toEqual([]);
  });

  test(`axe finds nothing on a refusal, ${colorScheme}`, async ({ home, watch }) => {
    watch.expectFailure(/\/fn\/say$/, 'an empty message is refused');
    await home.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await home.openLive();
    await home.messages.say(' ');
    await expect(home.messages.error).toHaveText(/needs some text/);
    expect(await faults(home.page)).toEqual([]);
  });

  testWithOwnServer(`axe finds nothing on the page while offline and rewound, ${colorScheme}`, async ({ home, own, api, watch }) => {
    watch.expectFailure(STREAM, 'the server is dead for a while');
    await api.say(unique('for axe'));
    await home.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await home.openLive();
    await own.kill();
    await expect(home.messages.root).toHaveAttribute('data-status', 'stale');
    expect(await faults(home.page)).toEqual([]);
    await own.start();
    await home.live();
    await expect(home.notices).toHaveCount(1);
    await expect(home.messages.marks).toHaveCount(1);
    expect(await faults(home.page)).toEqual([]);
  });
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on a board with a pick, an error and a pending write, ${colorScheme}`, async ({ page, api, watch }) => {
    watch.expectFailure(PUBLISH, 'the title is too long');
    await seed(api, 31, ['Nets', 'Lamps', 'Ropes']);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const board = await new Board(page, 31).openLive();
    await board.card(1).pick();
    await board.card(2).rename('x'.repeat(81));
    await expect(board.card(2).error).toHaveText(/81 characters/);
    await page.route(PUBLISH, () => {});
    await board.card(3).rename('Ropes, wet');
    await expect(board.card(3).state).toHaveText('saving');
    expect(await faults(page)).toEqual([]);
  });
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing in a room with who is here, who types, who leaves, and a refusal, ${colorScheme}`, async ({ page, another, watch }) => {
    watch.expectFailure(SAY_IN, 'the line is empty');
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const name = newRoom();
    const room = await new Room(page, name).openLive();
    const [typing, leaving] = [new Room((await another()).page, name), new Room((await another()).page, name)];
    await typing.openLive();
    await leaving.openLive();
    await room.say('hello');
    await expect(room.lines).toHaveCount(1);
    await room.say(' ');
    await expect(room.error).toHaveText(/needs some text/);
    await typing.text.fill('on my way');
    await leaving.page.context().close();
    await expect(room.typing).toHaveText(/is typing/);
    await expect(room.page.locator('#who .person[data-fading]')).toHaveCount(1);
    expect(await faults(page)).toEqual([]);
  });
}

for (const width of [320, 360, 800, 1440]) {
  test(`nothing of a room sticks out at ${width} pixels`, async ({ page }) => {
    await page.setViewportSize({ width, height: 800 });
    const room = await new Room(page, newRoom()).openLive();
    await room.beCalled('w'.repeat(24));
    await expect(room.person('w'.repeat(24))).toHaveCount(1);
    await room.say('w'.repeat(280));
    await expect(room.lines).toHaveCount(1);
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    expect(widths).toEqual([width, width]);
  });

  test(`nothing of a board sticks out at ${width} pixels`, async ({ page, api }) => {
    await seed(api, 32, ['Nets', 'w'.repeat(80), 'Ropes']);
    await page.setViewportSize({ width, height: 800 });
    const board = await new Board(page, 32).openLive();
    await board.card(2).pick();
    await board.card(1).root.getByRole('button', { name: 'Rename card 1' }).click();
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    expect(widths).toEqual([width, width]);
  });

  test(`nothing sticks out at ${width} pixels`, async ({ home, api }) => {
    await api.say(`${unique('w')}${'w'.repeat(200)}`);
    await home.page.setViewportSize({ width, height: 800 });
    await home.openLive();
    const widths = await home.page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    expect(widths).toEqual([width, width]);
  });
}

test('by keyboard alone: skip to the content, press, write', async ({ home, api }) => {
  // Without any message there is a command to copy, which is one more stop.
  await api.say(unique('there already'));
  const [before, text] = [await api.counter(), unique('by keyboard')];
  await home.openLive();
  const { keyboard } = home.page;
  await keyboard.press('Tab');
  await expect(home.page.getByRole('link', { name: 'Skip to the content' })).toBeFocused();
  await expect(home.page.getByRole('link', { name: 'Skip to the content' })).toBeInViewport();
  await keyboard.press('Enter');
  await expect(home.page.locator('#main')).toBeFocused();
  await keyboard.press('Tab');
  await expect(home.counter.button).toBeFocused();
  await keyboard.press('Enter');
  await expect(home.counter.number).toHaveText(thousands(before + 1));
  await expect(home.counter.button).toBeFocused();
  await keyboard.press('Tab');
  await expect(home.messages.root.getByRole('log')).toBeFocused();
  await keyboard.press('Tab');
  await expect(home.messages.input).toBeFocused();
  await keyboard.type(text);
  await keyboard.press('Enter');
  await expect(home.messages.text(text)).toHaveCount(1);
  await expect(home.messages.input).toBeFocused();
});

test('the page does not jump when it goes live', async ({ home }) => {
  await home.page.addInitScript(() => {
    const shifts = Object.assign(window, { shift: 0 });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.shift += (entry as unknown as { value: number }).value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await home.openLive();
  await expect(home.counter.root).toHaveAttribute('data-status', 'live');
  expect(await home.page.evaluate(() => (window as unknown as { shift: number }).shift)).toBeLessThan(0.01);
});

test('an address without a page has status 404, and leads home without a reload', async ({ home, api, watch }) => {
  watch.expectFailure(/\/no\/such\/page$/, 'that is what is tested');
  const response = await home.open('/no/such/page');
  expect(response.status()).toBe(404);
  await expect(home.page.getByRole('heading', { level: 1 })).toHaveText('There is no page here.');
  expect(await faults(home.page)).toEqual([]);

  await home.takenOver();
  await home.page.evaluate(() => Object.assign(window, { stayed: true }));
  const [counter, text] = [await api.addOne(), unique('before a page that was not painted')];
  await api.say(text);
  await home.page.getByRole('link', { name: 'Go to the home page' }).click();
  await home.live();
  await expect(home.counter.number).toHaveText(thousands(counter));
  await expect(home.messages.text(text)).toHaveCount(1);
  await expect(home.messages.texts).toHaveText((await api.messages()).slice(-50));
  expect(await home.page.evaluate(() => 'stayed' in window)).toBe(true);
});
