// The stop: told by a signal, the server says goodbye to all streams and ends.

import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';

import { unique } from './support/api';
import { STREAM } from './support/gate';
import { PlainStream } from './support/plain-stream';
import { expect, testWithOwnServer as test } from './support/test';

const STREAMS = 100;
const FORM = 'application/x-www-form-urlencoded';

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} with ${STREAMS} open streams: each gets a goodbye, and the exit status is 0`, async ({ own }) => {
    const url = `${own.url}/live?topic=demo/messages&topic=node/alpha/vitals`;
    const streams = await Promise.all(Array.from({ length: STREAMS }, () => PlainStream.open(url)));

    const exit = await own.stop(signal);
    expect(exit).toEqual({ code: 0, signal: null });
    // Ended in order, not by the limit that is there for clients who do not read.
    expect(own.log).toMatch(/stopped/);
    expect(own.log).not.toMatch(/WARN|ERROR/);
    for (const stream of streams) {
      await stream.ended;
      const bye = stream.events.find((event) => event.name === 'bye');
      expect(JSON.parse(bye?.data ?? '{}')).toEqual({ retry_ms: expect.any(Number) });
    }
    // They are asked to come back one after the other.
    const delays = streams.map((stream) => JSON.parse(stream.events.find((event) => event.name === 'bye')!.data).retry_ms);
    expect(new Set(delays).size).toBeGreaterThan(STREAMS / 2);
  });
}

test('a page that is told goodbye comes back to the next server', async ({ home, own, api, watch }) => {
  watch.expectFailure(STREAM, 'the server is away for a while', { maybe: true });
  await home.page.addInitScript(keepBrought);
  await home.openLive();
  await home.page.evaluate(() => Object.assign(window, { stayed: true }));

  expect(await own.stop()).toEqual({ code: 0, signal: null });
  expect(own.log).not.toMatch(/WARN|ERROR/);
  await expect(home.pill.word).toHaveText('offline');
  const brought = () => home.page.evaluate(() => (window as unknown as { brought: string }).brought);
  await expect.poll(brought).toMatch(/event: bye\ndata: \{"retry_ms":\d+\}\n\n/);

  await own.start();
  await home.live();
  const text = unique('after the stop');
  await api.say(text);
  await expect(home.messages.text(text)).toHaveCount(1);
  expect(await home.page.evaluate(() => 'stayed' in window)).toBe(true);
});

test('a request that never ends does not hold up the end', async ({ own, api }) => {
  const client = connect(own.port, '127.0.0.1');
  client.on('error', () => {});
  await once(client, 'connect');
  // Half of what it announces, and then silence.
  client.write(`POST /fn/say HTTP/1.1\r\nhost: a\r\ncontent-type: ${FORM}\r\ncontent-length: 99\r\n\r\ntext=`);
  // The server takes connections in their order: it has that one once it answers on a later one.
  await api.node();

  const before = Date.now();
  expect(await own.stop()).toEqual({ code: 0, signal: null });
  expect(Date.now() - before).toBeLessThan(15_000);
  client.destroy();
});

test('told to stop as soon as it says that it is live, it does, with status 0', async ({ own }) => {
  for (let times = 0; times < 10; times++) {
    expect(await own.stop()).toEqual({ code: 0, signal: null });
    await own.start();
  }
});

test.describe('elsewhere', () => {
  test.use({ ownOptions: { cwd: tmpdir() } });

  test('it runs from any folder, and says what it is and who may do what', async ({ home, own }) => {
    expect(own.banner[0]).toBe(`Tidings 0.1.0 is live on ${own.url}`);
    const said = () => own.banner.join('\n');
    await expect.poll(said).toMatch(/node +alpha[^]*engine +solo[^]*anyone reads and writes: demo\/messages/);
    await home.openLive();
    await expect(home.page.locator('body')).not.toHaveCSS('font-family', /Times/);
  });
});

/** Runs in the page, before its script: keeps what its streams bring. */
function keepBrought(): void {
  const kept = { brought: '' };
  Object.defineProperty(window, 'brought', { get: () => kept.brought });
  const real = window.fetch;
  window.fetch = async (...asked) => {
    const response = await real(...asked);
    const reader = response.clone().body?.pipeThrough(new TextDecoderStream()).getReader();
    const read = async (): Promise<void> => {
      const part = await reader?.read();
      if (!part || part.done) return;
      kept.brought += part.value;
      return read();
    };
    if (String(asked[0]).endsWith('/_tidings/live')) read().catch(() => {});
    return response;
  };
}
