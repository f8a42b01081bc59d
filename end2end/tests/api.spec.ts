// The server as programs see it: what is refused names its fault and changes nothing.

import { Api, type Sent, type TopicBody, unique } from './support/api';
import { expect, test } from './support/test';
import { PlainStream } from './support/plain-stream';

const MESSAGES = '/api/topics/demo/messages';
const JSON_TYPE = { 'content-type': 'application/json' };
const ok = JSON.stringify({ text: 'must not appear' });

/** What every refusal looks like. */
interface Refusal {
  error: { code: string; message: string };
}

/** Everything that a write could change. */
async function state(api: Api): Promise<unknown> {
  const topic = (await api.send(MESSAGES)).json<TopicBody<unknown>>();
  return { items: topic.items, counter: await api.counter() };
}

async function refused(api: Api, path: string, sent: Sent, status: number, says: RegExp): Promise<void> {
  const before = await state(api);
  const answer = await api.send(path, sent);
  expect(answer.status, answer.body).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/json/);
  const { error } = answer.json<Refusal>();
  expect(error.code).toMatch(/^[a-z-]+$/);
  expect(error.message).toMatch(says);
  expect(await state(api)).toEqual(before);
}

test('a message can be published as curl does it', async ({ api }) => {
  const text = unique('as curl does it');
  const answer = await api.post(MESSAGES, { text }, { 'user-agent': 'curl/8.5.0', accept: '*/*' });
  expect(answer.status).toBe(200);
  expect(answer.json()).toMatchObject({ topic: 'demo/messages', version: expect.any(String) });
  expect((await api.messages()).at(-1)).toBe(text);
});

test.describe('a write is refused', () => {
  const body = (text: string | Buffer): Sent => ({ headers: JSON_TYPE, body: text });
  const cases: [what: string, path: string, sent: Sent, status: number, says: RegExp][] = [
    ['without JSON', MESSAGES, body('hello'), 400, /not JSON/],
    ['with JSON that is cut off', MESSAGES, body('{"text":"hel'), 400, /not JSON.*EOF/],
    ['with nothing in it', MESSAGES, body(''), 400, /not JSON/],
    ['with JSON of another shape', MESSAGES, body('{"txet":"hello"}'), 422, /does not fit demo\/messages.*txet/],
    ['with a text that is none', MESSAGES, body('{"text":7}'), 422, /expected a string/],
    ['with more than was asked for', MESSAGES, body('{"text":"a","html":"b"}'), 422, /unknown field `html`/],
    ['with a message that is too long', MESSAGES, body(`{"text":"${'é'.repeat(281)}"}`), 422, /281 .* at most 280/],
    ['with an empty message', MESSAGES, body('{"text":"  "}'), 422, /needs some text/],
    ['with control characters', MESSAGES, body('{"text":"a\\u0000b"}'), 422, /control characters/],
    // Hardly more than the server reads: of a client that is still sending when it is refused, Node sees no answer.
    ['with a body of a megabyte', MESSAGES, body(`{"text":"${'x'.repeat(1_050_000)}"}`), 413, /limit|too large|at most/],
    ['with bytes that are no UTF-8', MESSAGES, body(Buffer.from('{"text":"\xff\xfe"}', 'latin1')), 400, /UTF-8/],
    ['without a content type', MESSAGES, { body: ok }, 415, /application\/json/],
    ['as a form', MESSAGES, { headers: { 'content-type': 'text/plain' }, body: ok }, 415, /text\/plain/],
    ['on a topic that is not declared', '/api/topics/demo/other', body(ok), 403, /demo\/other.*not declared, or closed/],
    ['on a topic that only the server writes', '/api/topics/node/alpha/counter', body('7'), 403, /closed to you/],
    ['on a name with an empty segment', '/api/topics/demo//messages', body(ok), 400, /segment 2 is empty/],
    ['on a name with a wildcard', '/api/topics/demo/*', body(ok), 400, /segment 2 is a wildcard/],
    ['on a name with an escape of the URL', '/api/topics/demo/%FF', body(ok), 400, /segment 2 holds '%'/],
    ['on a name with a wrong escape', '/api/topics/demo/~zz', body(ok), 400, /segment 2 has a wrong escape/],
    ['on a name that is too long', `/api/topics/${'a'.repeat(600)}`, body(ok), 400, /600 bytes, at most 512/],
    ['on a name that is too deep', `/api/topics/a${'/a'.repeat(16)}`, body(ok), 400, /17 segments, at most 16/],
  ];
  for (const [what, path, sent, status, says] of cases) {
    test(what, async ({ api }) => refused(api, path, sent, status, says));
  }
});

test.describe("a foreign page's write is refused", () => {
  const foreign: [what: string, headers: Record<string, string>][] = [
    ['by its Origin', { origin: 'https://evil.example' }],
    ['by an Origin that hides itself', { origin: 'null' }],
    ['by Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }],
    ['from a neighbour of the same site', { 'sec-fetch-site': 'same-site' }],
  ];
  const doors: [what: string, path: string, type: string, body: string][] = [
    ['on a topic', MESSAGES, 'application/json', ok],
    ['on a server function', '/fn/say', 'application/x-www-form-urlencoded', 'text=must+not+appear'],
    ['on the counter', '/fn/add_one', 'application/x-www-form-urlencoded', ''],
    ['on a page stream', '/_tidings/live', 'application/json', '{"wire":1,"call":1,"hold":[]}'],
    ['on a change of topics', '/_tidings/change', 'application/json', '{"page":"x","call":1}'],
  ];
  for (const [how, headers] of foreign) {
    test(how, async ({ api }) => {
      for (const [what, path, type, body] of doors) {
        await test.step(what, async () => {
          const sent = { headers: { ...headers, 'content-type': type }, body };
          await refused(api, path, sent, 403, /may not write here/);
        });
      }
    });
  }

  test('and one of our own is not', async ({ api }) => {
    const text = unique('from our own page');
    const host = new URL(api.url).host;
    expect((await api.post(MESSAGES, { text }, { origin: `http://${host}` })).status).toBe(200);
    expect((await api.post(MESSAGES, { text }, { 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    expect((await api.messages()).filter((each) => each === text)).toHaveLength(2);
  });
});

test('a page of another site cannot write, whatever its form says', async ({ page, api, watch }) => {
  watch.expectFailure(/\/fn\/add_one$/, 'that is what is tested');
  watch.expectFailure(/\/favicon\.ico$/, 'an answer in JSON names no icon', { maybe: true });
  const before = await api.counter();
  // The same server under another name is another site to a browser.
  const target = `${api.url.replace('127.0.0.1', 'localhost')}/fn/add_one`;
  await page.route('http://evil.example/', (route) =>
    route.fulfill({ contentType: 'text/html', body: `<form method="post" action="${target}"><button>Win</button></form>` }),
  );
  await page.goto('http://evil.example/');
  const answer = page.waitForResponse(target);
  await page.getByRole('button').click();
  expect((await answer).status()).toBe(403);
  expect(await api.counter()).toBe(before);
});

test.describe('a stream is refused', () => {
  const cases: [what: string, query: string, status: number, says: RegExp][] = [
    ['without a topic', '', 400, /at least one topic/],
    ['with an invalid topic', '?topic=demo//messages', 400, /segment 2 is empty/],
    ['with bytes that are no UTF-8', '?topic=demo/%FF', 400, /segment 2 holds/],
    ['with a topic that is not declared', '?topic=demo/messages&topic=demo/other', 403, /demo\/other.*not declared/],
    ['with a count that is none', '?topic=demo/messages&last=few', 400, /`last` is a number/],
    ['with a key that is not known', '?topics=demo/messages', 400, /`topics` is not known/],
  ];
  for (const [what, query, status, says] of cases) {
    test(what, async ({ api }) => refused(api, `/live${query}`, {}, status, says));
  }
});

test('a plain stream goes on where it was cut off', async ({ api, served }) => {
  const texts = ['before', 'one', 'two', 'after'].map(unique);
  await api.say(texts[0]!);
  const first = await PlainStream.open(`${served.url}/live?topic=demo/messages&last=1`);
  const [begin] = await first.messages<{ text: string }>(1);
  expect(begin?.data.text).toBe(texts[0]);
  first.close();

  await api.say(texts[1]!);
  await api.say(texts[2]!);
  const again = await PlainStream.open(`${served.url}/live?topic=demo/messages`, { 'last-event-id': begin!.id });
  expect((await again.messages<{ text: string }>(2)).map((each) => each.data.text)).toEqual([texts[1], texts[2]]);
  await api.say(texts[3]!);
  expect((await again.messages<{ text: string }>(3)).map((each) => each.data.text)).toEqual(texts.slice(1));
  expect(again.events.filter((event) => event.name === 'gap')).toEqual([]);
  again.close();
});

test('a cursor that cannot be read leads to a gap, and to what is kept', async ({ api, served }) => {
  await api.say(unique('kept'));
  const kept = await api.messages();
  const stream = await PlainStream.open(`${served.url}/live?topic=demo/messages`, { 'last-event-id': 'nonsense' });
  const messages = await stream.messages<{ text: string }>(kept.length);
  expect(messages.map((each) => each.data.text)).toEqual(kept);
  expect(stream.events.map((event) => event.name).slice(0, 2)).toEqual(['hello', 'gap']);
  stream.close();
});

test('the files that a page names are there, of the right type', async ({ api }) => {
  const html = (await api.send('/')).body;
  const named = [...html.matchAll(/(?:href|src)="(\/[^"]+\.(?:css|js|wasm|svg))"/g)].map(([, path]) => path ?? '');
  const types: Record<string, RegExp> = { css: /^text\/css/, js: /javascript/, wasm: /^application\/wasm$/, svg: /svg/ };
  expect(named.map((path) => path.split('.').at(-1)).sort()).toEqual(['css', 'js', 'svg', 'wasm']);
  for (const path of named) {
    const answer = await api.send(path);
    expect(answer.status, path).toBe(200);
    expect(answer.headers['content-type'], path).toMatch(types[path.split('.').at(-1) ?? ''] ?? /^$/);
  }
});

test('health and readiness are told in JSON', async ({ api }) => {
  for (const path of ['/healthz', '/readyz']) {
    const answer = await api.send(path);
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({ status: 'ok', node: await api.node() });
  }
});
