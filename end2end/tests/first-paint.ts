// First paint: what the server paints, and how the browser takes it over. The tests run on the release build and on
// the debug build, from the two spec files that call this.

import { OF_THE_BROWSER, differences } from './support/texts';
import { Gate, STREAM, WASM } from './support/gate';
import type { Home } from './support/home';
import { thousands, unique } from './support/api';
import { expect, test } from './support/test';

/** What the body of the request that opens a stream holds. */
interface Open {
  hold: { topic: string; after?: string; last?: number }[];
}

/** Messages that the page shows. */
const SHOWN = 50;

export function firstPaint(): void {
  test('without script the page shows the counter, the vitals and the last 50 of 60 messages', async ({
    plain: home,
    api,
  }) => {
    const said = Array.from({ length: 60 }, (_, nth) => `${nth + 1} of 60`);
    for (const text of said) await api.say(text);
    const counter = await api.addOne();

    await home.open();

    await expect(home.counter.number).toHaveText(thousands(counter));
    await expect(home.messages.texts).toHaveText(said.slice(-SHOWN));
    await expect(home.vitals.figure('uptime')).toHaveText(/^\d\d:\d\d:\d\d$/);
    await expect(home.vitals.figure('cpu')).toHaveText(/^\d+\.\d$/);
    await expect(home.vitals.figure('memory')).toHaveText(/^[1-9]\d*\.\d$/);
    await expect(home.vitals.figure('streams')).toHaveText(/^\d+$/);
    await expect(home.pill.word).toHaveText('not live yet');
  });

  test('taken over with the stream held closed, every text and attribute is as the server sent it', async ({
    home,
    api,
  }) => {
    await api.addOne();
    await api.say(unique('painted'));
    const stream = await Gate.at(home.page, STREAM);
    const response = await home.open();
    await home.connecting();
    await stream.reached();

    expect(await differences(home.page, await response.text(), OF_THE_BROWSER)).toEqual([]);
    // The comparison itself: one wrong text and one wrong attribute are two differences.
    await home.counter.number.evaluate((element) => (element.textContent = 'wrong'));
    await home.messages.root.evaluate((element) => element.setAttribute('data-status', 'wrong'));
    const planted = await differences(home.page, await response.text(), OF_THE_BROWSER);
    expect(planted.map((text) => text.replace(/: the server.*/, ''))).toEqual([
      expect.stringMatching(/output/),
      'section#messages [data-status]',
    ]);

    await stream.open();
    await home.live();
  });

  test('the stream is asked for what came after the paint, of every topic that was painted', async ({ home, api }) => {
    const stream = await Gate.at(home.page, STREAM);
    const html = await (await home.open()).text();
    const open: Open = (await stream.reached()).postDataJSON();

    // A hook that did not find its part of the page would ask without a cursor, and nobody would notice.
    const painted = cursors(html);
    const node = await api.node();
    const topics = ['demo/messages', `node/${node}/counter`, `node/${node}/vitals`];
    expect([...painted.keys()].sort()).toEqual(topics);
    expect(open.hold.map((hold) => hold.topic).sort()).toEqual(topics);
    for (const hold of open.hold) expect(hold.after, hold.topic).toBe(painted.get(hold.topic));

    await stream.open();
    await home.live();
  });

  test('what changed once between paint and takeover is shown, though nothing is published after it', async ({
    home,
    api,
  }) => {
    const before = await api.addOne();
    const [wasm, stream] = [await Gate.at(home.page, WASM), await Gate.at(home.page, STREAM)];
    const response = await home.open();
    await wasm.reached();
    const message = unique('between paint and takeover');
    const after = await api.addOne();
    await api.say(message);

    await wasm.open();
    await home.connecting();
    expect(await differences(home.page, await response.text(), OF_THE_BROWSER)).toEqual([]);
    await expect(home.counter.number).toHaveText(thousands(before));
    await expect(home.messages.text(message)).toHaveCount(0);

    await stream.open();
    await home.live();
    await showsOnce(home, after, message);
  });

  test('what changed once between takeover and stream is shown, though nothing is published after it', async ({
    home,
    api,
  }) => {
    const stream = await Gate.at(home.page, STREAM);
    await home.open();
    await home.connecting();
    await stream.reached();
    const message = unique('between takeover and stream');
    const after = await api.addOne();
    await api.say(message);

    await stream.open();
    await home.live();
    await showsOnce(home, after, message);
  });

  test('these tests see a hook that reads another value than was painted', async ({ home, api }) => {
    const before = await api.addOne();
    // Planted: the page's HTML says one number, and what its hooks begin with the next one.
    await home.page.route('/', async (route) => {
      const response = await route.fetch();
      const html = await response.text();
      const wrong = html.replace(`\\"data\\":${before}}`, `\\"data\\":${before + 1}}`);
      expect(wrong).not.toBe(html);
      await route.fulfill({ response, body: wrong });
    });
    const stream = await Gate.at(home.page, STREAM);
    await home.open();
    await home.connecting();
    await expect(home.counter.number).toHaveText(thousands(before));

    // To its hook the new number is no change: the text stays at what was painted, for ever and in silence.
    const after = await api.addOne();
    await stream.open();
    await home.live();
    await expect(home.counter.root).toHaveAttribute('data-status', 'live');
    const seen = expect(home.counter.number).toHaveText(thousands(after), { timeout: 1_500 });
    await expect(seen).rejects.toThrow();
  });
}

async function showsOnce(home: Home, counter: number, message: string): Promise<void> {
  await expect(home.counter.number).toHaveText(thousands(counter));
  await expect(home.messages.text(message)).toHaveCount(1);
  await expect(home.messages.texts.last()).toHaveText(message);
  // Continuity was kept: nothing says that something may be missing.
  await expect(home.messages.marks).toHaveCount(0);
}

/** The cursors that travel in the page, by topic. */
function cursors(html: string): Map<string, string> {
  const painted = html.matchAll(/\{\\"topic\\":\\"([^"\\]+)\\",\\"cursor\\":\\"([^"\\]+)\\"/g);
  return new Map([...painted].map(([, topic, cursor]) => [topic ?? '', cursor ?? '']));
}
