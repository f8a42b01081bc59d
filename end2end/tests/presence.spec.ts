// Who is here: on every open page, through reloads, closed browsers and dead nodes.

import { Api } from './support/api';
import { Board, seed } from './support/board';
import { newRoom, presence, Room } from './support/chat';
import { FrontDoor } from './support/front-door';
import { Gate, STREAM } from './support/gate';
import { Home } from './support/home';
import { expect, test } from './support/test';

test('two guests see each other, and the first paint lists who is here', async ({ page, another, plain, api }) => {
  const name = newRoom();
  const ann = await new Room(page, name).openLive();
  const bob = await new Room((await another()).page, name).openLive();
  const both = [await ann.me(), await bob.me()].sort();
  await expect.poll(() => ann.names()).toEqual(both);
  await expect.poll(() => bob.names()).toEqual(both);

  const reader = await new Room(plain.page, name).open();
  expect(await reader.names()).toEqual(both);
  const { topic, keys, entries } = await presence(api, `chat/${name}`);
  expect([topic, keys, entries.map((entry) => entry.meta.name).sort()]).toEqual([`chat/${name}`, 2, both]);
});

test('the list is painted, and taken over without a change', async ({ page, another }) => {
  const name = newRoom();
  const ann = await new Room(page, name).openLive();
  const bob = new Room((await another()).page, name);
  // The stream stays away: what is shown was painted.
  const stream = await Gate.at(bob.page, STREAM);
  await bob.open();
  await bob.home.connecting();
  expect(await bob.names()).toEqual([await ann.me()]);
  await bob.keepMoves();
  await stream.open();
  await bob.here();
  expect(await bob.moves()).toEqual([`+ ${await bob.me()}`]);
});

test('three tabs of one guest are one person; closing two leaves one', async ({ page, another, api }) => {
  const name = newRoom();
  const watcher = await new Room((await another()).page, name).openLive();
  const first = await new Room(page, name).openLive();
  const me = await first.me();
  const [second, third] = [await page.context().newPage(), await page.context().newPage()];
  for (const tab of [second, third]) await new Room(tab, name).openLive();
  await expect(watcher.people).toHaveCount(2);
  await expect(watcher.person(me)).toHaveAttribute('data-tabs', '3');
  expect((await presence(api, `chat/${name}`)).entries).toHaveLength(4);

  await watcher.keepMoves();
  await second.close();
  await third.close();
  await expect(watcher.person(me)).toHaveAttribute('data-tabs', '1');
  await expect.poll(async () => (await presence(api, `chat/${name}`)).entries.length, { timeout: 20_000 }).toBe(2);
  await expect(watcher.people).toHaveCount(2);
  expect(await watcher.moves()).toEqual([]);
});

test('a reload is no leave and no join', async ({ page, another, api, watch }) => {
  watch.expectFailure(STREAM, 'a reload ends the stream');
  const name = newRoom();
  const watcher = await new Room((await another()).page, name).openLive();
  const ann = await new Room(page, name).openLive();
  const me = await ann.me();
  await expect(watcher.people).toHaveCount(2);
  const idsBefore = (await presence(api, `chat/${name}`)).entries.map((entry) => entry.id).sort();
  await watcher.keepMoves();
  await page.reload({ waitUntil: 'domcontentloaded' });
  expect(await ann.names()).toContain(me);
  await ann.here();
  await expect(watcher.person(me)).toHaveAttribute('data-tabs', '1');
  expect((await presence(api, `chat/${name}`)).entries.map((entry) => entry.id).sort()).toEqual(idsBefore);
  expect(await watcher.moves()).toEqual([]);
});

test('a closed browser goes grey, and leaves after the grace', async ({ page, another }) => {
  const name = newRoom();
  const watcher = await new Room(page, name).openLive();
  const leaving = await new Room((await another()).page, name).openLive();
  const who = await leaving.me();
  await expect(watcher.person(who)).toHaveCount(1);
  await watcher.keepMoves();
  await leaving.page.context().close();
  await expect(watcher.person(who)).toHaveAttribute('data-fading', '');
  await expect(watcher.person(who)).toContainText('leaving');
  await expect(watcher.person(who)).toHaveCount(0, { timeout: 20_000 });
  expect(await watcher.moves()).toEqual([`- ${who}`]);
});

test('who goes to another page leaves at once, and is there', async ({ page, another }) => {
  const name = newRoom();
  const watcher = await new Room((await another()).page, name).openLive();
  const ann = await new Room(page, name).openLive();
  const me = await ann.me();
  await expect(watcher.person(me)).toHaveCount(1);
  await page.getByRole('link', { name: 'Board' }).first().click();
  await expect(watcher.person(me)).toHaveCount(0);
  await expect(page.locator('.whois .person[data-me]')).toHaveCount(1);
});

test('a board and the page of the cluster say who is here', async ({ page, another, api, watch }) => {
  watch.expectFailure(STREAM, 'another page is asked for');
  const board = await new Board(page, 41).openLive();
  await expect(board.page.locator('.whois .person[data-me]')).toHaveCount(1);
  const other = await new Board((await another()).page, 41).openLive();
  await expect(board.page.locator('.whois-count')).toHaveText('2 here');
  await expect(other.page.locator('.whois-count')).toHaveText('2 here');

  const node = await api.node();
  for (const each of [board, other]) await each.page.goto('/cluster', { waitUntil: 'domcontentloaded' });
  await new Home(page).live();
  await expect(page.locator('#lookers .whois-count')).toHaveText('2 looking');
  await expect(page.locator(`[data-lookers="${node}"]`)).toHaveText(new RegExp(`^${node}\\s+2$`));
});

test('who writes the title of a card is told on that card, on all other pages', async ({ page, another, api }) => {
  await seed(api, 42, ['Nets', 'Lamps']);
  const ann = await new Board(page, 42).openLive();
  const bob = await new Board((await another()).page, 42).openLive();
  await expect(bob.page.locator('.whois-count')).toHaveText('2 here');
  const name = (await page.locator('.whois .person[data-me] .person-name').textContent()) ?? '';
  await ann.card(2).root.getByRole('button', { name: 'Rename card 2' }).click();
  await expect(bob.card(2).root.locator('.card-editors')).toHaveText(`${name} is writing here`);
  await expect(bob.card(1).root.locator('.card-editors')).toHaveText('');
  await expect(ann.card(2).root.locator('.card-editors')).toHaveText('');
  await page.keyboard.press('Escape');
  await expect(bob.card(2).root.locator('.card-editors')).toHaveText('');
});

test('a hidden tab is away', async ({ page, another }) => {
  const name = newRoom();
  const watcher = await new Room((await another()).page, name).openLive();
  const ann = await new Room(page, name).openLive();
  const me = await ann.me();
  const hide = (state: string) =>
    page.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    }, state);
  await hide('hidden');
  await expect(watcher.person(me)).toHaveAttribute('data-away', '');
  await hide('visible');
  await expect(watcher.person(me)).not.toHaveAttribute('data-away');
});

test.describe('behind the front door', () => {
  let door: FrontDoor;

  test.beforeAll(async () => {
    door = await FrontDoor.start();
  });

  test.afterAll(async () => {
    await door.stop();
  });

  test('a node that dies hands its pages over: nobody leaves', async ({ page, another, watch }) => {
    watch.expectFailure(STREAM, 'the node that has the stream is killed', { maybe: true });
    const name = newRoom();
    const ann = await new Room(page, name, door.url).openLive();
    const me = await ann.me();
    const behind = await door.withStream();
    const other = ['alpha', 'beta', 'gamma'].find((name) => name !== behind.name)!;
    const watcher = await new Room((await another()).page, name, door.node(other).url).openLive();
    await expect(watcher.person(me)).toHaveCount(1);
    await watcher.keepMoves();

    door.kill(behind);
    await expect(watcher.person(me)).toHaveAttribute('data-fading', '');
    await ann.here();
    await expect(watcher.person(me)).not.toHaveAttribute('data-fading');
    expect((await door.withStream()).name).not.toBe(behind.name);
    // The same on both nodes that live, and nobody had left meanwhile.
    for (const node of ['alpha', 'beta', 'gamma'].filter((name) => name !== behind.name)) {
      const { entries } = await presence(new Api(door.node(node).url), `chat/${name}`);
      expect(entries.map((entry) => entry.fading ?? false)).toEqual([false, false]);
    }
    expect(await watcher.moves()).toEqual([]);
  });
});
