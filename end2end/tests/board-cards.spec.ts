// What two people do to one board: fields, moves, deletions, and what each sees of the other. Each test has a board of
// its own.

import type { Page } from '@playwright/test';

import type { TopicBody } from './support/api';
import { Board, PUBLISH, activityOf, seed, titleOf } from './support/board';
import { Gate, STREAM } from './support/gate';
import { expect, test } from './support/test';

const TITLES = ['Nets', 'Lamps', 'Ropes'];

test('two who change different fields of a card both have their way', async ({ page, another, api }) => {
  await seed(api, 41, TITLES);
  const here = await new Board(page, 41).openLive();
  const there = await new Board((await another()).page, 41).openLive();
  // At the same time: neither has seen the other's when it is written.
  const [mine, theirs] = [await Gate.at(page, PUBLISH), await Gate.at(there.page, PUBLISH)];
  await here.card(2).rename('Lanterns');
  await there.card(2).grip.press('ArrowRight');
  await mine.reached();
  await theirs.reached();
  await mine.open();
  await theirs.open();
  for (const board of [here, there]) {
    await board.stands({ todo: [1, 3], doing: [2], done: [] });
    await board.card(2).confirmed('Lanterns');
    await expect(board.card(2).loss).toHaveCount(0);
  }
});

test('a move writes the column and the place of that card, and nothing else', async ({ page, api }) => {
  await seed(api, 42, TITLES);
  const board = await new Board(page, 42).openLive();
  const written: string[] = [];
  page.on('request', (request) => {
    if (PUBLISH.test(request.url())) written.push(request.postDataJSON().topic);
  });
  await board.card(3).grip.press('ArrowUp');
  await board.stands({ todo: [1, 3, 2], doing: [], done: [] });
  await expect(board.figure('pending')).toHaveText('0');
  expect(written).toEqual(['board/42/card/3/place']);
  await board.card(1).grip.press('ArrowRight');
  await board.stands({ todo: [3, 2], doing: [1], done: [] });
  await expect(board.activity).toHaveText(['Card 1 is in another column: Doing']);
  const card = ['column', 'place'].map((field) => `board/42/card/1/${field}`);
  expect(written.slice(1).sort()).toEqual(['board/42/activity', ...card]);
});

test('of two who name a card at the same time the loser is told, and can have it back', async ({ page, another, api }) => {
  await seed(api, 43, TITLES);
  const here = await new Board(page, 43).openLive();
  const there = await new Board((await another()).page, 43).openLive();
  const late = await Gate.at(there.page, PUBLISH);
  await there.card(1).rename('Theirs');
  await late.reached();
  await here.card(1).rename('Mine');
  await here.card(1).confirmed('Mine');
  await late.open();

  await expect(here.card(1).title).toHaveText('Theirs');
  await expect(here.card(1).loss).toHaveText(/Someone wrote “Theirs” over your “Mine”\./);
  await there.card(1).confirmed('Theirs');
  await expect(there.card(1).loss).toHaveCount(0);

  await here.card(1).root.getByRole('button', { name: 'Restore mine: Mine' }).click();
  await here.card(1).confirmed('Mine');
  await expect(here.card(1).loss).toHaveCount(0);
  await expect(there.card(1).title).toHaveText('Mine');
  // Now it is the other one who is told, and who leaves it at that.
  await expect(there.card(1).loss).toHaveText(/Someone wrote “Mine” over your “Theirs”\./);
  await there.card(1).root.getByRole('button', { name: 'Leave it' }).click();
  await expect(there.card(1).loss).toHaveCount(0);
  expect(await titleOf(api, 43, 1)).toBe('Mine');
});

test('who is writing a title sees what somebody else wrote meanwhile, and loses no letter to a move', async ({ page, another, api }) => {
  await seed(api, 44, TITLES);
  const here = await new Board(page, 44).openLive();
  const there = await new Board((await another()).page, 44).openLive();
  await here.card(1).edit();
  await here.card(1).input.fill('Nets, half a ti');
  await there.card(1).rename('Floats');
  await expect(here.card(1).root.locator('.card-theirs')).toHaveText(/Someone wrote “Floats” meanwhile/);
  await there.card(1).grip.press('ArrowRight');
  await here.stands({ todo: [2, 3], doing: [1], done: [] });
  await expect(here.card(1).input).toBeFocused();
  await page.keyboard.type('tle');
  await expect(here.card(1).input).toHaveValue('Nets, half a title');
  await page.keyboard.press('Enter');
  await here.card(1).confirmed('Nets, half a title');
  await expect(there.card(1).title).toHaveText('Nets, half a title');
});

test('a card is moved by keyboard: it keeps the focus, and where it is is said', async ({ page, another, api }) => {
  await seed(api, 45, TITLES);
  const here = await new Board(page, 45).openLive();
  const there = await new Board((await another()).page, 45).openLive();
  await here.card(1).grip.focus();
  for (const [key, todo, doing, done, said] of [
    ['ArrowDown', [2, 1, 3], [], [], 'Card 1: To do, 2 of 3.'],
    ['ArrowRight', [2, 3], [1], [], 'Card 1: Doing, 1 of 1.'],
    ['ArrowRight', [2, 3], [], [1], 'Card 1: Done, 1 of 1.'],
    ['ArrowRight', [2, 3], [], [1], 'Card 1 is at the edge.'],
    ['ArrowLeft', [2, 3], [1], [], 'Card 1: Doing, 1 of 1.'],
  ] as const) {
    await page.keyboard.press(key);
    await here.stands({ todo: [...todo], doing: [...doing], done: [...done] });
    await expect(here.said).toHaveText(said);
    await expect(here.card(1).grip).toBeFocused();
  }
  await there.stands({ todo: [2, 3], doing: [1], done: [] });
  // Somebody else moves the card that has the focus here.
  await there.card(1).grip.press('ArrowRight');
  await here.stands({ todo: [2, 3], doing: [], done: [1] });
  await expect(here.card(1).grip).toBeFocused();
  await expect(here.figure('done')).toHaveText('1');
});

for (const kind of ['mouse', 'touch'] as const) {
  test(`a card is dragged with a ${kind}`, async ({ another, api }) => {
    const number = kind === 'mouse' ? 46 : 47;
    await seed(api, number, TITLES);
    const size = kind === 'mouse' ? { width: 1280, height: 900 } : { width: 400, height: 1400 };
    const here = await new Board((await another({ hasTouch: kind === 'touch', viewport: size })).page, number).openLive();
    const there = await new Board((await another()).page, number).openLive();
    await drag(here, 2, here.page.locator('[data-column="doing"]'), kind);
    await here.stands({ todo: [1, 3], doing: [2], done: [] });
    await there.stands({ todo: [1, 3], doing: [2], done: [] });
    // Before another one: on its upper half.
    await drag(here, 3, here.card(2).root, kind);
    await there.stands({ todo: [1], doing: [3, 2], done: [] });
    await expect(here.page.locator('[data-dragged], [data-drop]')).toHaveCount(0);
    expect(await here.card(3).root.evaluate((card: HTMLElement) => card.style.translate)).toBe('');
  });
}

test('a drag that is broken off moves nothing', async ({ page, api }) => {
  await seed(api, 48, TITLES);
  const board = await new Board(page, 48).openLive();
  const [from, to] = [await middle(board.card(1).grip), await middle(page.locator('[data-column="done"]'))];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 5 });
  await expect(page.locator('[data-column="done"]')).toHaveAttribute('data-drop', 'end');
  await page.keyboard.press('Escape');
  await expect(page.locator('[data-dragged], [data-drop]')).toHaveCount(0);
  await page.mouse.up();
  await board.stands({ todo: [1, 2, 3], doing: [], done: [] });
  expect(await activityOf(api, 48)).toEqual([]);
});

test('a deleted card is gone everywhere at once, and undo brings all of it back', async ({ page, another, api }) => {
  await seed(api, 49, TITLES);
  const here = await new Board(page, 49).openLive();
  const there = await new Board((await another()).page, 49).openLive();
  await here.card(2).grip.press('ArrowRight');
  await there.stands({ todo: [1, 3], doing: [2], done: [] });
  await here.card(1).remove();
  await expect(here.said).toHaveText('Card 1 is deleted. Undo brings it back.');
  // The next card's control has the focus, so that the keyboard does not begin at the top again.
  await expect(here.card(3).root.getByRole('button', { name: 'Delete card 3' })).toBeFocused();
  await here.card(2).grip.press('Delete');
  for (const board of [here, there]) {
    await board.stands({ todo: [3], doing: [], done: [] });
    await expect(board.figure('cards')).toHaveText('1');
  }
  await expect(here.figure('pending')).toHaveText('0');
  expect(await titleOf(api, 49, 2)).toBeUndefined();
  await expect(there.activity.last()).toHaveText('Card 2 was deleted: Lamps');

  await here.undo.click();
  await here.undo.click();
  for (const board of [here, there]) {
    await board.stands({ todo: [1, 3], doing: [2], done: [] });
    await board.card(2).confirmed('Lamps');
    await board.card(1).confirmed('Nets');
  }
  // And the move from before.
  await page.keyboard.press('Control+z');
  await there.stands({ todo: [1, 2, 3], doing: [], done: [] });
  await expect(here.said).toHaveText('Undone: the move of card 2, from To do.');
  const column = (await api.send('/api/topics/board/49/card/2/column')).json<TopicBody<string>>();
  expect(column.items.at(-1)?.data).toBe('todo');
});

test('undo gives a title back, and nothing that somebody has changed since', async ({ page, another, api }) => {
  await seed(api, 50, TITLES);
  const here = await new Board(page, 50).openLive();
  const there = await new Board((await another()).page, 50).openLive();
  await here.card(1).rename('Nets, mended');
  await here.card(1).confirmed('Nets, mended');
  await here.undo.click();
  await expect(there.card(1).title).toHaveText('Nets');
  await here.card(2).rename('Lanterns');
  await here.card(2).confirmed('Lanterns');
  await there.card(2).rename('Candles');
  await expect(here.card(2).title).toHaveText('Candles');
  await here.undo.click();
  await expect(here.said).toHaveText(/Somebody has changed card 2 since/);
  await expect(here.card(2).title).toHaveText('Candles');
  await expect(here.page.locator('#board-undo-what')).toHaveText('Nothing done here yet.');
});

test('who has just named a card that somebody deletes is told, and can have it back', async ({ page, another, api }) => {
  await seed(api, 51, TITLES);
  const here = await new Board(page, 51).openLive();
  const there = await new Board((await another()).page, 51).openLive();
  await here.card(2).rename('Lanterns');
  await expect(there.card(2).title).toHaveText('Lanterns');
  await there.card(2).remove();
  await expect(here.page.locator('.board-losses .loss')).toHaveText(/Someone deleted card 2, which you had just named “Lanterns”\./);
  await here.page.getByRole('button', { name: 'Restore mine: Lanterns' }).click();
  await there.stands({ todo: [1, 2, 3], doing: [], done: [] });
  await expect(here.page.locator('.loss')).toHaveCount(0);
});

test('what is refused is undone, and said', async ({ page, api, watch }) => {
  watch.expectFailure(PUBLISH, 'refused here on purpose');
  await seed(api, 52, TITLES);
  const board = await new Board(page, 52).openLive();
  const refusal = { error: { code: 'forbidden', message: 'the board is locked' } };
  await page.route(PUBLISH, (route) => route.fulfill({ status: 403, json: refusal }));
  await board.card(1).grip.press('ArrowRight');
  await expect(board.card(1).error).toHaveText('Not moved: the board is locked.');
  await board.stands({ todo: [1, 2, 3], doing: [], done: [] });
  await board.card(2).remove();
  await expect(board.card(2).error).toHaveText('Not saved: the board is locked.');
  await board.stands({ todo: [1, 2, 3], doing: [], done: [] });
  expect(await activityOf(api, 52)).toEqual([]);
});

test('a reload paints every card where it stands', async ({ page, plain, api, watch }) => {
  watch.expectFailure(STREAM, 'the visitor leaves');
  await seed(api, 53, TITLES);
  const board = await new Board(page, 53).openLive();
  await board.card(1).grip.press('ArrowRight');
  await board.card(3).grip.press('ArrowUp');
  await expect(board.figure('pending')).toHaveText('0');
  // By the HTML alone.
  const painted = await new Board(plain.page, 53).open();
  expect([await painted.column('todo'), await painted.column('doing'), await painted.column('done')]).toEqual([[3, 2], [1], []]);
  // And the browser moves nothing when it takes over.
  await page.addInitScript(observeShifts);
  await board.openLive();
  await board.stands({ todo: [3, 2], doing: [1], done: [] });
  expect(await page.evaluate(() => (window as unknown as { shifts: number }).shifts)).toBeLessThan(0.01);
});

test('the filter is in the address, and is there at first paint', async ({ page, plain, api }) => {
  await seed(api, 54, ['Nets, red', 'Lamps', 'Ropes, red & blue']);
  const board = await new Board(page, 54).openLive();
  await page.getByLabel('Filter').fill('RED');
  await board.stands({ todo: [1, 3], doing: [], done: [] });
  await expect(page.locator('.board-shown')).toHaveText('2 of 3 shown');
  await expect(board.figure('cards')).toHaveText('3');
  await expect.poll(() => new URL(page.url()).searchParams.get('filter')).toBe('RED');
  // A step goes past what is shown.
  await board.card(1).grip.press('ArrowDown');
  await board.stands({ todo: [3, 1], doing: [], done: [] });
  // A card that comes to have the word comes to be shown.
  await api.post('/api/topics/board/54/card/2/title', 'Lamps, red');
  await board.stands({ todo: [2, 3, 1], doing: [], done: [] });

  await page.getByLabel('Filter').fill('red & b');
  await board.stands({ todo: [3], doing: [], done: [] });
  await plain.page.goto(page.url());
  const painted = new Board(plain.page, 54);
  expect(await painted.column('todo')).toEqual([3]);
  await expect(plain.page.getByLabel('Filter')).toHaveValue('red & b');
  await page.getByLabel('Filter').fill('');
  await board.stands({ todo: [2, 3, 1], doing: [], done: [] });
  expect(new URL(page.url()).search).toBe('');
});

test('while the server is not reached the board goes on, and says so', async ({ page, another, api, watch }) => {
  watch.expectFailure(PUBLISH, 'the network is cut');
  await seed(api, 55, TITLES);
  const here = await new Board(page, 55).openLive();
  const there = await new Board((await another()).page, 55).openLive();
  let cut = true;
  await page.route(PUBLISH, (route) => (cut ? route.abort('connectionfailed') : route.continue()));
  await here.card(1).grip.press('ArrowRight');
  await here.card(2).remove();
  await expect(here.card(1).state).toHaveText('not reached, trying again');
  await here.stands({ todo: [3], doing: [1], done: [] });
  await there.stands({ todo: [1, 2, 3], doing: [], done: [] });
  cut = false;
  await there.stands({ todo: [3], doing: [1], done: [] });
  await expect(here.figure('pending')).toHaveText('0');
});

/** The middle of an element, or of its upper quarter. */
async function middle(of: ReturnType<Page['locator']>, part = 2): Promise<{ x: number; y: number }> {
  const box = await of.boundingBox();
  if (!box) throw new Error('it is not shown');
  return { x: box.x + box.width / 2, y: box.y + box.height / part };
}

/** Drags a card by its grip to the upper part of something. */
async function drag(board: Board, card: number, onto: ReturnType<Page['locator']>, kind: 'mouse' | 'touch'): Promise<void> {
  const [from, to] = [await middle(board.card(card).grip), await middle(onto, 8)];
  if (kind === 'mouse') {
    await board.page.mouse.move(from.x, from.y);
    await board.page.mouse.down();
    await board.page.mouse.move(to.x, to.y, { steps: 8 });
    await expect(board.card(card).root).toHaveAttribute('data-dragged', '');
    await board.page.mouse.up();
    return;
  }
  const cdp = await board.page.context().newCDPSession(board.page);
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', at?: { x: number; y: number }) =>
    cdp.send('Input.dispatchTouchEvent', { type, touchPoints: at ? [at] : [] });
  await touch('touchStart', from);
  for (let step = 1; step <= 8; step++) {
    await touch('touchMove', { x: from.x + ((to.x - from.x) * step) / 8, y: from.y + ((to.y - from.y) * step) / 8 });
  }
  await expect(board.card(card).root).toHaveAttribute('data-dragged', '');
  await touch('touchEnd');
}

/** Adds up what moves by itself. Runs in the page. */
function observeShifts(): void {
  const seen = window as unknown as { shifts: number };
  seen.shifts = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.shifts += (entry as unknown as { value: number }).value;
  }).observe({ type: 'layout-shift', buffered: true });
}
