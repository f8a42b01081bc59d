// Bytes of our encoder, read by decoders that we did not write: Chromium's EventSource, and eventsource-parser. (A third
// one, in Rust: crates/tidings-wire/tests/referees.rs, which also made the session and says what it means.)

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { createParser } from 'eventsource-parser';

import { expect, test } from './support/test';

interface Told {
  name: string;
  id: string;
  data: string;
}

const BYTES = readFileSync(join(__dirname, 'session/session.sse'));
const TOLD = JSON.parse(readFileSync(join(__dirname, 'session/session.json'), 'utf8')) as Told[];
const NAMES = [...new Set(TOLD.map(({ name }) => name))];

/** A payload of a megabyte, as one event. */
const LARGE = 'é:'.repeat(350_000);

/** Bytes in chunks of so many. */
function* chunks(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

for (const size of [1, 13, 65_536]) {
  test(`eventsource-parser reads what we write, in chunks of ${size}`, () => {
    const told: Told[] = [];
    let id = '';
    const parser = createParser({
      onEvent: (event) => {
        // Its id is that of the event alone; the standard's goes on.
        id = event.id ?? id;
        told.push({ name: event.event ?? '', id, data: event.data });
      },
    });
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    for (const chunk of chunks(BYTES, size)) parser.feed(decoder.decode(chunk, { stream: true }));
    expect(told).toEqual(TOLD);
  });
}

for (const size of [1, 13, 65_536]) {
  test(`Chromium's EventSource reads what we write, in chunks of ${size}`, async ({ page, watch }) => {
    watch.expectFailure(/\/session$/, 'the session ends, and the browser comes back for more', { maybe: true });
    const large = Buffer.from(`id: large\ndata: ${LARGE}\n\n`);
    const server = createServer((request, response) => {
      if (request.url !== '/session') {
        response.setHeader('content-type', 'text/html').end('<title>referee</title>');
        return;
      }
      if (request.headers['last-event-id']) {
        // It has everything: 204 is how the standard ends it.
        response.writeHead(204).end();
        return;
      }
      response.socket?.setNoDelay();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const write = (rest: Iterator<Buffer>): void => {
        const { value, done } = rest.next();
        if (done) response.end(large);
        else if (response.write(value)) setImmediate(() => write(rest));
        else response.once('drain', () => write(rest));
      };
      write(chunks(BYTES, size));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const told = await page.evaluate(
      (names) =>
        new Promise<Told[]>((done) => {
          const told: Told[] = [];
          const source = new EventSource('/session');
          for (const name of names) {
            source.addEventListener(name || 'message', ({ data, lastEventId }) => {
              told.push({ name, id: lastEventId, data });
              if (lastEventId === 'large') done(told);
            });
          }
        }),
      NAMES,
    );
    expect(told.length).toBe(TOLD.length + 1);
    expect(told.slice(0, -1)).toEqual(TOLD);
    expect(told.at(-1)?.data === LARGE, 'a megabyte is one event').toBe(true);
    await page.goto('about:blank');
    server.close();
  });
}
