// What one browser does shows in another, over one stream a page and nothing else.

import type { Page, Request } from '@playwright/test';

import { thousands, unique } from './support/api';
import { Gate, STREAM } from './support/gate';
import { expect, test, testWithOwnServer } from './support/test';

test('the counter pressed in one browser shows in the other', async ({ home, another, api }) => {
  const [here, there] = [await home.openLive(), await (await another()).openLive()];
  const before = await api.counter();

  await here.counter.button.click();
  await expect(there.counter.number).toHaveText(thousands(before + 1));
  await expect(here.counter.number).toHaveText(thousands(before + 1));
  await there.counter.button.click();
  await expect(here.counter.number).toHaveText(thousands(before + 2));
});

test('a message written in one browser shows in the other, once in each', async ({ home, another }) => {
  const [here, there] = [await home.openLive(), await (await another()).openLive()];
  const [first, second] = [unique('from here'), unique('from there')];

  await here.messages.say(first);
  await expect(there.messages.text(first)).toHaveCount(1);
  await there.messages.say(second);
  for (const each of [here, there]) {
    await expect(each.messages.text(second)).toHaveCount(1);
    await expect(each.messages.text(first)).toHaveCount(1);
    await expect(each.messages.texts.last()).toHaveText(second);
  }
});

test('a message posted over HTTP shows in all browsers', async ({ home, another, api }) => {
  const [here, there] = [await home.openLive(), await (await another()).openLive()];
  const text = unique('over HTTP');
  await api.say(text);
  for (const each of [here, there]) await expect(each.messages.text(text)).toHaveCount(1);
});

test('a message is text, whatever it looks like', async ({ home, another, api }) => {
  const text = unique('<img src=x onerror="document.title=1"><b>&amp;</b>');
  await home.openLive();
  await api.say(text);
  await expect(home.messages.texts.last()).toHaveText(text);
  const painted = await another();
  await painted.open();
  await expect(painted.messages.texts.last()).toHaveText(text);
  await expect(home.messages.root.locator('img, b')).toHaveCount(0);
});

test('messages that come at once arrive all, in order', async ({ home, api }) => {
  await home.openLive();
  const texts = Array.from({ length: 40 }, (_, nth) => unique(`burst ${nth}`));
  for (const text of texts) await api.say(text);
  await expect(home.messages.text(texts.at(-1)!)).toHaveCount(1);
  expect((await home.messages.texts.allTextContents()).slice(-texts.length)).toEqual(texts);
  await expect(home.messages.marks).toHaveCount(0);
});

test('the page keeps the last 50 messages, and the form in reach', async ({ home, api }) => {
  await home.openLive();
  const texts = Array.from({ length: 60 }, (_, nth) => unique(`many ${nth}`));
  for (const text of texts) await api.say(text);
  await expect(home.messages.texts).toHaveText(texts.slice(-50));
});

test('a page has one stream for all its topics, opened once', async ({ home }) => {
  const requests = requestsOf(home.page);
  const stream = await Gate.at(home.page, STREAM);
  await home.open();
  const asked: { hold: unknown[] } = (await stream.reached()).postDataJSON();
  expect(asked.hold).toHaveLength(await home.panels.count());

  await stream.open();
  await home.live();
  for (const panel of await home.panels.all()) await expect(panel).toHaveAttribute('data-status', /live|missing/);
  const ours = requests.map((request) => new URL(request.url()).pathname).filter((path) => path.startsWith('/_tidings'));
  expect(ours).toEqual(['/_tidings/live']);
});

test('the vitals move, and the page asks for nothing', async ({ home }) => {
  await home.openLive();
  const requests = requestsOf(home.page);
  const uptime = home.vitals.figure('uptime');
  for (let moved = 0; moved < 3; moved++) {
    const shown = await uptime.textContent();
    await expect(uptime).not.toHaveText(shown ?? '');
  }
  await expect(home.pill.word).toHaveText('live');
  expect(requests.map((request) => request.url())).toEqual([]);
});

// On a server of its own: elsewhere others may have pages open.
testWithOwnServer('the open streams are counted: a page that goes takes its stream with it', async ({ home, another }) => {
  await home.openLive();
  const second = await (await another()).openLive();
  await expect(home.vitals.figure('streams')).toHaveText('2');
  await second.page.close();
  await expect(home.vitals.figure('streams')).toHaveText('1');
});

test('going away and coming back, the page is live again', async ({ home, api, watch }) => {
  watch.expectFailure(STREAM, 'leaving a page ends its stream');
  await home.openLive();
  await home.page.goto('about:blank');
  const text = unique('while away');
  await api.say(text);
  await home.page.goBack({ waitUntil: 'domcontentloaded' });
  await home.live();
  await expect(home.messages.text(text)).toHaveCount(1);
});

/** The requests that a page makes from now on. */
function requestsOf(page: Page): Request[] {
  const requests: Request[] = [];
  page.on('request', (request) => requests.push(request));
  return requests;
}
