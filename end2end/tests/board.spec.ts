// A board: components and page tell each other things through topics, in this browser and in all others. Each test has
// a board of its own.

import type { Page, Request } from '@playwright/test';

import { Board, CHANGE, PUBLISH, activityOf, seed, titleOf } from './support/board';
import { Gate, STREAM } from './support/gate';
import { OF_THE_BROWSER, differences } from './support/texts';
import { expect, test } from './support/test';

const TITLES = ['Nets', 'Lamps', 'Ropes'];

test('a card renamed in one browser shows in the other, and only that card is drawn again', async ({ page, another, api }) => {
  await seed(api, 11, TITLES);
  const here = await new Board(page, 11).openLive();
  const there = await new Board((await another()).page, 11).openLive();
  expect([await here.drawn(), await there.drawn()]).toEqual([[1, 1, 1], [1, 1, 1]]);

  await here.card(2).rename('Lanterns');
  await here.card(2).confirmed('Lanterns');
  await expect(there.card(2).title).toHaveText('Lanterns');
  await expect(there.figure('chars')).toHaveText(String('NetsLanternsRopes'.length));
  // Here twice: when it was written, and when the server said the same. The list is the same list.
  expect(await there.drawn()).toEqual([1, 2, 1]);
  const [first, , third] = await here.drawn();
  expect([first, third]).toEqual([1, 1]);
  await expect(there.activity).toHaveText(['Card 2 is now: Lanterns']);
});

test('a write is shown at once by every component of the page, and nowhere else before the server has it', async ({ page, another, api }) => {
  await seed(api, 12, TITLES);
  const here = await new Board(page, 12).openLive();
  const there = await new Board((await another()).page, 12).openLive();
  await here.card(1).pick();
  const gate = await Gate.at(page, PUBLISH);

  await here.card(1).rename('Nets and floats');
  await expect(here.card(1).title).toHaveText('Nets and floats');
  await expect(here.card(1).state).toHaveText('saving');
  await expect(here.picked.locator('.picked-title')).toHaveText('Nets and floats');
  await expect(here.figure('pending')).toHaveText('1');
  await expect(here.figure('chars')).toHaveText(String('Nets and floatsLampsRopes'.length));
  const asked = (await gate.reached()).postDataJSON();
  expect(asked).toMatchObject({ topic: 'board/12/card/1/title', data: 'Nets and floats' });
  expect(asked.id).toMatch(/^[0-9a-f]{32}$/);
  expect(await titleOf(api, 12, 1)).toBe('Nets');
  await expect(there.card(1).title).toHaveText('Nets');

  await gate.open();
  await here.card(1).confirmed('Nets and floats');
  await expect(here.figure('pending')).toHaveText('0');
  await expect(there.card(1).title).toHaveText('Nets and floats');
});

test('a refused write is undone, and the server says why', async ({ page, api, watch }) => {
  watch.expectFailure(PUBLISH, 'the title is too long');
  await seed(api, 13, TITLES);
  const board = await new Board(page, 13).openLive();
  const gate = await Gate.at(page, PUBLISH);
  const long = 'x'.repeat(81);
  await board.card(3).rename(long);
  await expect(board.card(3).title).toHaveText(long);
  // Somebody else is faster: what is returned to is the newest value, not the one from before.
  await api.post('/api/topics/board/13/card/3/title', 'Ropes, tarred');

  await gate.open();
  await board.card(3).confirmed('Ropes, tarred');
  await expect(board.card(3).error).toHaveText('Not saved: the title has 81 characters, at most 80 are allowed.');
  // Offered again, to be mended; the error goes with the next write.
  await board.card(3).root.getByRole('button', { name: 'Rename card 3' }).click();
  await expect(board.card(3).root.getByLabel('Title of card 3')).toHaveValue(long);
  await board.card(3).root.getByLabel('Title of card 3').press('Escape');
  await board.card(3).rename('Ropes, coiled');
  await board.card(3).confirmed('Ropes, coiled');
  await expect(board.card(3).error).toBeEmpty();
  await expect.poll(() => activityOf(api, 13)).toEqual(['Card 3 is now: Ropes, coiled']);
});

test('where the server is not reached a write is sent again, under its id, until it is', async ({ page, api, watch }) => {
  watch.expectFailure(PUBLISH, 'the network is cut three times');
  await seed(api, 14, TITLES);
  const board = await new Board(page, 14).openLive();
  const ids: string[] = [];
  await page.route(PUBLISH, async (route) => {
    ids.push(route.request().postDataJSON().id);
    if (ids.length <= 2) await route.abort('connectionfailed');
    else if (ids.length === 3) await route.fulfill({ status: 503, body: 'no server here' });
    else await route.continue();
  });
  await board.card(1).rename('Nets, mended');
  await expect(board.card(1).state).toHaveText('not reached, trying again');
  await expect(board.card(1).title).toHaveText('Nets, mended');
  await board.card(1).confirmed('Nets, mended');
  await expect(board.card(1).error).toBeEmpty();
  expect(new Set(ids.slice(0, 4)).size).toBe(1);
});

test('an answer that is lost does not publish twice', async ({ page, api, watch }) => {
  watch.expectFailure(PUBLISH, 'the answer is lost on its way back');
  await seed(api, 15, TITLES);
  const board = await new Board(page, 15).openLive();
  const answered: { topic: string; id: string }[] = [];
  // Whichever comes first, the echo or the second try: it is published and shown once.
  await page.route(PUBLISH, async (route) => {
    const asked = route.request().postDataJSON();
    if (asked.topic !== 'board/15/activity') return route.continue();
    answered.push(asked);
    const response = await route.fetch();
    if (answered.length === 1) await route.abort('connectionreset');
    else await route.fulfill({ response });
  });
  // The echo may be there before the answer is lost: the test is over when both have been.
  const lost = page.waitForEvent('requestfailed', (request) => PUBLISH.test(request.url()));
  await board.card(1).rename('Nets, dried');
  await expect(board.activity).toHaveText(['Card 1 is now: Nets, dried']);
  await expect(page.locator('#activity [data-pending]')).toHaveCount(0);
  await expect.poll(() => activityOf(api, 15)).toEqual(['Card 1 is now: Nets, dried']);
  await lost;
});

test('a second edit never loses to the first', async ({ page, another, api }) => {
  await seed(api, 16, TITLES);
  const here = await new Board(page, 16).openLive();
  const there = await new Board((await another()).page, 16).openLive();
  const gate = await Gate.at(page, PUBLISH);
  for (const title of ['first', 'second', 'third']) await here.card(1).rename(title);
  await expect(here.card(1).title).toHaveText('third');
  await gate.open();
  await here.card(1).confirmed('third');
  await expect(there.card(1).title).toHaveText('third');
  expect(await titleOf(api, 16, 1)).toBe('third');
});

test('a message that is not confirmed stands at the end, and the last three are shown', async ({ page, api }) => {
  await seed(api, 17, TITLES);
  const board = await new Board(page, 17).openLive();
  for (const title of ['a', 'b', 'c']) {
    await board.card(1).rename(title);
    await board.card(1).confirmed(title);
    await expect(board.activity.last()).toHaveText(`Card 1 is now: ${title}`);
  }
  await page.route(PUBLISH, async (route) => {
    const isNote = route.request().postDataJSON().topic === 'board/17/activity';
    if (!isNote) await route.continue();
  });
  await board.card(2).rename('d');
  const pending = page.locator('#activity .log-row[data-pending]');
  await expect(pending).toHaveText(/sending\s*Card 2 is now: d/);
  await api.post('/api/topics/board/17/activity', { text: 'from elsewhere' });
  await expect(board.activity).toHaveText(['Card 1 is now: b', 'Card 1 is now: c', 'from elsewhere', 'Card 2 is now: d']);
});

test('what is picked is told to the components of this page and to nobody else', async ({ page, another, api }) => {
  await seed(api, 18, TITLES);
  const here = await new Board(page, 18).openLive();
  const there = await new Board((await another()).page, 18).openLive();
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  await here.card(1).pick();
  await expect(here.picked.locator('.picked-title')).toHaveText('Nets');
  await expect(here.card(1).root.getByRole('button', { name: 'Pick card 1' })).toHaveAttribute('aria-pressed', 'true');
  await here.card(3).pick();
  await expect(here.picked.locator('.picked-title')).toHaveText('Ropes');
  await expect(here.card(1).root.getByRole('button', { name: 'Pick card 1' })).toHaveAttribute('aria-pressed', 'false');
  await expect(there.picked).toHaveText(/No other page will know/);
  // The cards' titles are on the stream already: moving from one to the other asks nobody.
  expect(requests).toEqual([]);
  await api.post('/api/topics/board/18/card/3/title', 'Ropes, new');
  await expect(here.picked.locator('.picked-title')).toHaveText('Ropes, new');
});

test('a card made in one browser appears in the other', async ({ page, another, api }) => {
  await seed(api, 19, TITLES);
  const here = await new Board(page, 19).openLive();
  const there = await new Board((await another()).page, 19).openLive();
  await page.getByLabel('A new card').fill('Anchors');
  await page.getByRole('button', { name: 'Make' }).click();
  for (const board of [here, there]) {
    await expect(board.card(4).title).toHaveText('Anchors');
    await expect(board.figure('cards')).toHaveText('4');
  }
  // The new one was drawn without a title first: it was not painted. The others were not touched.
  expect((await there.drawn()).slice(0, 3)).toEqual([1, 1, 1]);
});

test('without script the board is painted, and a card can be made', async ({ plain, api }) => {
  await seed(api, 20, TITLES);
  const board = await new Board(plain.page, 20).open();
  await expect(board.page.locator('.card-title')).toHaveText(TITLES);
  await expect(board.figure('cards')).toHaveText('3');
  await board.page.getByLabel('A new card').fill('Anchors');
  await board.page.getByRole('button', { name: 'Make' }).click();
  await expect(board.page.locator('.card-title')).toHaveText([...TITLES, 'Anchors']);
});

test('taken over with the stream held closed, the board is as the server sent it', async ({ page, api }) => {
  await seed(api, 21, TITLES);
  const board = new Board(page, 21);
  const stream = await Gate.at(page, STREAM);
  const response = await board.home.open('/board/21');
  await board.home.connecting();
  const asked: { hold: { topic: string; after?: string }[] } = (await stream.reached()).postDataJSON();
  expect(await differences(page, await response.text(), OF_THE_BROWSER)).toEqual([]);
  const topics = asked.hold.map((hold) => hold.topic).sort();
  // Each card holds its fields, and the page view the patterns of them.
  const cards = ['*', 1, 2, 3].flatMap((card) => ['title', 'column', 'place'].map((field) => `board/21/card/${card}/${field}`));
  expect(topics).toEqual(['board/21/activity', ...cards].sort());
  for (const hold of asked.hold) expect(hold.after, hold.topic).toBeTruthy();
  // What changed in between is caught up with, of the pattern and of each card.
  await api.post('/api/topics/board/21/card/2/title', 'Lamps, lit');
  await seed(api, 21, [...TITLES.slice(0, 1), 'Lamps, lit', 'Ropes', 'Anchors']);
  await stream.open();
  await board.home.live();
  await expect(page.locator('.card-title')).toHaveText(['Nets', 'Lamps, lit', 'Ropes', 'Anchors']);
});

test('two hundred cards cost one request, also when they come later', async ({ page, api }) => {
  await seed(api, 1, Array.from({ length: 200 }, (_, at) => `Card of many ${at + 1}`));
  const sent = requestsTo(page, /\/_tidings\//);
  const board = await new Board(page, 1).openLive();
  await expect(board.cards).toHaveCount(200);
  expect(sent.map(pathOf)).toEqual(['/_tidings/live']);
  expect(sent[0]!.postDataJSON().hold).toHaveLength(200 * 3 + 3 + 1);

  await page.getByRole('link', { name: 'Home' }).click();
  await expect(board.cards).toHaveCount(0);
  await page.getByRole('link', { name: 'Board' }).click();
  await expect(board.cards).toHaveCount(200);
  await expect(page.locator('#cards')).toHaveAttribute('data-status', 'live');
  await expect(board.card(200).root).toHaveAttribute('data-status', 'live');
  // Home and away: at most a call for each, and one for the rows that the pattern brought.
  const changes = sent.slice(1);
  expect(changes.every((request) => CHANGE.test(request.url()))).toBe(true);
  expect(changes.length).toBeLessThanOrEqual(3);
});

test('after five hundred navigations the page holds what it held', async ({ page, api }) => {
  // Chromium takes 200 navigations in 10 seconds at most: it cannot be quick.
  test.setTimeout(240_000);
  await seed(api, 1, TITLES);
  const sent = requestsTo(page, /\/_tidings\//);
  const board = await new Board(page, 1).openLive();
  const before = held(sent);
  expect(before).toContain('board/1/card/*/title');
  await page.evaluate(navigate, 250);
  await expect(board.card(3).root).toHaveAttribute('data-status', 'live');
  await expect.poll(() => held(sent)).toEqual(before);
  expect(sent.filter((request) => STREAM.test(request.url()))).toHaveLength(1);
});

test('another board is another subscription of the same components', async ({ page, api }) => {
  await seed(api, 1, ['One', 'Two', 'Three']);
  await seed(api, 22, TITLES);
  const board = await new Board(page, 22).openLive();
  await board.card(1).pick();
  await page.locator('.hero').evaluate((hero) => hero.setAttribute('data-stayed', ''));
  await page.getByRole('link', { name: 'Board' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Board 1');
  await expect(board.card(1).title).toHaveText('One');
  await expect(page.locator('#cards .panel-topic .topic')).toHaveText('board/1/card/*/title');
  await expect(page.locator('#cards')).toHaveAttribute('data-status', 'live');
  await expect(board.picked).toHaveText(/No other page will know/);
  // The page was not made anew.
  await expect(page.locator('.hero[data-stayed]')).toHaveCount(1);
});

test('a board that may not be has no page', async ({ api }) => {
  for (const [number, status] of [['1', 200], ['99', 200], ['0', 404], ['100', 404], ['x', 404]] as const) {
    const answer = await api.send(`/board/${number}`);
    expect([number, answer.status]).toEqual([number, status]);
  }
});

/** Goes home and back so often, each time until what was gone to is live. Runs in the page. */
async function navigate(times: number): Promise<void> {
  const gone: number[] = [];
  const until = (isSo: () => boolean) =>
    new Promise<void>((done) => {
      const look = () => (isSo() ? done() : void requestAnimationFrame(look));
      look();
    });
  const go = async (name: string, live: string) => {
    // Chromium ignores what is more than 200 navigations in 10 seconds.
    await until(() => gone.length < 190 || performance.now() - gone[gone.length - 190]! > 10_000);
    gone.push(performance.now());
    [...document.querySelectorAll<HTMLElement>('nav a')].find((link) => link.textContent === name)?.click();
    await until(() => document.querySelector(`${live}[data-status="live"]`) !== null);
  };
  for (let time = 0; time < times; time++) {
    await go('Home', '#counter');
    await go('Board', '[data-card="3"]');
  }
}

function requestsTo(page: Page, url: RegExp): Request[] {
  const requests: Request[] = [];
  page.on('request', (request) => {
    if (url.test(request.url())) requests.push(request);
  });
  return requests;
}

function pathOf(request: Request): string {
  return new URL(request.url()).pathname;
}

/** What the server holds for the page, after all that the page has sent. */
function held(sent: Request[]): string[] {
  const topics = new Set<string>();
  for (const request of sent) {
    const { hold = [], release = [] } = request.postDataJSON() as { hold?: { topic: string }[]; release?: string[] };
    if (STREAM.test(request.url())) topics.clear();
    release.forEach((topic) => topics.delete(topic));
    hold.forEach(({ topic }) => topics.add(topic));
  }
  return [...topics].sort();
}
