// A page's life in a browser as people use it: back and forward, frozen, asleep, a network that is gone without a word.
//
// Playwright starts Chromium with all of that switched off; here it is started without those switches. Not tested, for
// nothing drives it from outside: a tab that is discarded (it comes back as a new page), a lid that is closed (its
// parts are: processes that stand still, a network that is gone, timers that are late), browsers other than Chromium.

import { type CDPSession, chromium, type Page } from '@playwright/test';

import { Api, unique } from './support/api';
import { Cutter } from './support/cutter';
import { STREAM } from './support/gate';
import { Home } from './support/home';
import { PlainStream } from './support/plain-stream';
import { type Server } from './support/server';
import { expect, testWithOwnServer } from './support/test';

/** What Playwright switches off, and browsers have on. */
const SWITCHED_OFF = [
  '--disable-back-forward-cache',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

/** A beat each 200 ms: a stream that is silent for half a second is opened again. */
const BEAT_MS = 200;

interface Fixtures {
  browserCdp: CDPSession;
  /** The server's network, to be silenced. */
  network: Cutter;
  /** A page in a browser of its own, behind that network. */
  visitor: Page;
}

const test = testWithOwnServer.extend<Fixtures>({
  ownOptions: { env: { TIDINGS_BEAT_MS: String(BEAT_MS) } },
  network: async ({ own }, use) => {
    const network = await Cutter.start(own.port, 1, 7);
    network.heal();
    await use(network);
    network.stop();
  },
  visitor: async ({ network, launchOptions, watch }, use) => {
    const browser = await chromium.launch({ ...launchOptions, ignoreDefaultArgs: SWITCHED_OFF });
    const context = await browser.newContext({ baseURL: network.url });
    watch.follow(context);
    await use(await context.newPage());
    watch.end();
    await browser.close();
    expect(watch.verdict(), 'what went wrong in a browser').toEqual([]);
  },
  browserCdp: async ({ visitor }, use) => use(await visitor.context().browser()!.newBrowserCDPSession()),
});

/** Streams that are open on a server. */
async function streams(api: Api): Promise<number> {
  return Number(/^tidings_streams (\d+)$/m.exec((await api.send('/metrics')).body)?.[1]);
}

/** Waits while the server says so many beats: it goes by its own clock, whatever the page's does. */
async function beats(own: Server, count: number): Promise<void> {
  const stream = await PlainStream.open(`${own.url}/live?topic=node/alpha/counter`);
  const before = stream.events.length;
  await expect.poll(() => stream.events.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(before + count);
  stream.close();
}

async function say(api: Api, count: number): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, nth) => unique(`meanwhile ${nth}`));
  for (const text of texts) await api.say(text);
  return texts;
}

/** Runs in the page: keeps what the pill says from now on. */
function keepStates(): void {
  const pill = document.querySelector('.pill')!;
  const states: string[] = [];
  Object.assign(window, { states });
  new MutationObserver(() => states.push(pill.getAttribute('data-state') ?? '')).observe(pill, { attributeFilter: ['data-state'] });
}

/** The page has these messages, each once and in order, and no gap. */
async function has(home: Home, texts: string[]): Promise<void> {
  await expect(home.messages.text(texts.at(-1)!)).toHaveCount(1, { timeout: 30_000 });
  expect((await home.messages.texts.allTextContents()).slice(-texts.length)).toEqual(texts);
  await expect(home.messages.marks).toHaveCount(0);
}

test('put away by the browser and brought back: no stream meanwhile, and nothing missing after', async ({
  visitor,
  api,
  watch,
}) => {
  watch.expectFailure(STREAM, 'the page is put away', { maybe: true });
  watch.expectFailure(/\/favicon\.ico$/, 'an answer in JSON names no icon', { maybe: true });
  const home = await new Home(visitor).openLive();
  const first = await say(api, 2);
  await has(home, first);
  await visitor.evaluate(() => {
    const shown: boolean[] = [];
    Object.assign(window, { shown });
    window.addEventListener('pageshow', ({ persisted }) => shown.push(persisted));
  });
  await visitor.goto('/healthz');
  await expect.poll(() => streams(api)).toBe(0);
  const meanwhile = await say(api, 5);
  await visitor.goBack({ waitUntil: 'commit' });
  // The same page, and not one that was made anew.
  await expect.poll(() => visitor.evaluate(() => (window as { shown?: boolean[] }).shown)).toEqual([true]);
  await home.live();
  await has(home, [...first, ...meanwhile]);
  expect(await streams(api)).toBe(1);
});

test('frozen by the browser: what came meanwhile is there when it runs again', async ({ visitor, own, api, watch }) => {
  watch.expectFailure(STREAM, 'a page that was frozen for long opens its stream again', { maybe: true });
  const home = await new Home(visitor).openLive();
  const page = await visitor.context().newCDPSession(visitor);
  await page.send('Page.setWebLifecycleState', { state: 'frozen' });
  const texts = await say(api, 30);
  await beats(own, 10);
  await page.send('Page.setWebLifecycleState', { state: 'active' });
  await has(home, texts);
  await expect(home.pill.word).toHaveText('live');
});

test('a network that is gone without a word is noticed by its silence', async ({ visitor, own, network, api, watch }) => {
  watch.expectFailure(STREAM, 'given up by the watchdog');
  const home = await new Home(visitor).openLive();
  await has(home, await say(api, 1));
  await visitor.evaluate(keepStates);
  network.silence();
  await expect(home.pill.word).not.toHaveText('live');
  // A connection that leads nowhere is given up, too: the stream is asked for again and again.
  const states = () => visitor.evaluate(() => (window as unknown as { states: string[] }).states);
  const again = /resuming.*offline.*resuming/;
  await expect.poll(async () => (await states()).join(' '), { timeout: 40_000 }).toMatch(again);
  const texts = await say(api, 5);
  await beats(own, 5);
  await expect(home.messages.text(texts[0]!)).toHaveCount(0);
  network.speak();
  await home.live();
  await has(home, texts);
  await expect(home.pill.word).toHaveText('live');
});

test('asleep: processes stand still, the network goes, and it all comes back', async ({
  visitor,
  browserCdp,
  own,
  network,
  api,
  watch,
}) => {
  watch.expectFailure(STREAM, 'given up by the watchdog');
  const home = await new Home(visitor).openLive();
  await has(home, await say(api, 1));
  // Of this browser alone.
  const { processInfo } = await browserCdp.send('SystemInfo.getProcessInfo');
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  expect(renderers.length).toBeGreaterThan(0);
  renderers.forEach((id) => process.kill(id, 'SIGSTOP'));
  try {
    network.silence();
    const texts = await say(api, 20);
    await beats(own, 10);
    network.speak();
    renderers.forEach((id) => process.kill(id, 'SIGCONT'));
    await has(home, texts);
    await home.live();
    await expect(home.pill.word).toHaveText('live');
  } finally {
    renderers.forEach((id) => process.kill(id, 'SIGCONT'));
  }
});
