// Through nginx as it comes: one `proxy_pass`, and its own defaults.

import { once } from 'node:events';
import { connect, constants } from 'node:http2';

import { Api, unique } from './support/api';
import { STREAM } from './support/gate';
import { Home } from './support/home';
import { linesOfReadme, Nginx } from './support/nginx';
import { PlainStream } from './support/plain-stream';
import { expect, test as base } from './support/test';

const test = base.extend<{ nginx: Nginx }>({
  nginx: async ({ served }, use) => {
    const nginx = await Nginx.start(served.url);
    await use(nginx);
    await nginx.stop();
  },
});

/** What a browser would take. */
const ENCODINGS = { 'accept-encoding': 'gzip, deflate, br' };

/** Publishes one message after the other, each when the one before has come through; says how long they took. */
async function oneByOne(api: Api, came: (text: string) => Promise<void>): Promise<number[]> {
  const took: number[] = [];
  for (let nth = 0; nth < 20; nth++) {
    const text = unique(`number ${nth}`);
    const began = performance.now();
    await api.say(text);
    // A proxy that waits for a full page of bytes would wait here for ever.
    await came(text);
    took.push(performance.now() - began);
  }
  return took;
}

function report(took: number[]): void {
  const slowest = Math.max(...took).toFixed(1);
  base.info().annotations.push({ type: 'figure', description: `slowest of ${took.length}: ${slowest} ms` });
  console.log(`    ${base.info().title}: slowest of ${took.length} events ${slowest} ms`);
}

test('events pass one by one, neither buffered nor compressed', async ({ api, nginx }) => {
  const stream = await PlainStream.open(`${nginx.plain}/live?topic=demo/messages&last=1`, ENCODINGS);
  const begun = (await api.messages()).length > 0 ? 1 : 0;
  expect(stream.headers['content-type']).toBe('text/event-stream');
  expect(stream.headers['content-encoding']).toBeUndefined();
  expect(stream.headers['cache-control']).toBe('no-store, no-transform');
  let count = begun;
  report(
    await oneByOne(api, async (text) => {
      const messages = await stream.messages<{ text: string }>(++count);
      expect(messages.at(-1)?.data.text).toBe(text);
    }),
  );
  stream.close();
});

test('over HTTP/2 too, by nginx and by the server itself', async ({ api, nginx, served }) => {
  for (const url of [nginx.secure, served.url]) {
    // The certificate is made up for this test.
    const session = connect(url, { rejectUnauthorized: false });
    const asked = session.request({ ':path': '/live?topic=demo/messages&last=1', ...ENCODINGS });
    let text = '';
    let tell = () => {};
    asked.setEncoding('utf8');
    const headers = await new Promise<Record<string, unknown>>((done, failed) => {
      asked.once('response', done);
      session.once('error', failed);
      asked.once('error', failed);
    });
    asked.on('data', (more: string) => {
      text += more;
      tell();
    });
    expect(headers[':status']).toBe(200);
    expect(headers['content-encoding']).toBeUndefined();
    const came = async (message: string) => {
      while (!text.includes(message)) await new Promise<void>((done) => (tell = done));
    };
    report(await oneByOne(api, came));
    asked.close(constants.NGHTTP2_CANCEL);
    session.close();
  }
});

test('a page lives behind it: first paint, stream, writes', async ({ api, nginx, another, watch }) => {
  watch.expectFailure(STREAM, 'the visitor leaves');
  for (const url of [nginx.plain, nginx.secure]) {
    const home = await another({ baseURL: url, ignoreHTTPSErrors: true });
    await home.openLive();
    await home.messages.say(unique('by the form'));
    report(await oneByOne(api, async (text) => expect(home.messages.text(text)).toHaveCount(1)));
    const before = await api.counter();
    const answer = home.page.waitForResponse(/add_one/);
    await home.counter.button.click();
    await (await answer).finished();
    await expect.poll(() => api.counter()).toBe(before + 1);
    await leave(home);
  }
});

test('a page lives behind the lines of the README, and a write is known by its host', async ({ api, served, another, watch }) => {
  watch.expectFailure(STREAM, 'the visitor leaves');
  const nginx = await Nginx.start(served.url, linesOfReadme());
  try {
    const home = await another({ baseURL: nginx.secure, ignoreHTTPSErrors: true });
    await home.openLive();
    report(await oneByOne(api, async (text) => expect(home.messages.text(text)).toHaveCount(1)));
    await leave(home);
    // As a browser without Sec-Fetch-Site: its origin has to be the host that the server hears of.
    const session = connect(nginx.secure, { rejectUnauthorized: false });
    const asked = session.request({
      ':method': 'POST',
      ':path': '/api/topics/demo/messages',
      'content-type': 'application/json',
      origin: nginx.secure,
    });
    asked.end(JSON.stringify({ text: unique('by its origin') }));
    const [headers] = (await once(asked, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(200);
    session.destroy();
  } finally {
    await nginx.stop();
  }
});

/** Goes away, so that its stream is no one's any more when nginx stops. */
async function leave(home: Home): Promise<void> {
  await home.page.goto('about:blank');
}
