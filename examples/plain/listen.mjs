#!/usr/bin/env node
// Prints the messages of topics, one JSON a line, and goes on where it was cut off. Needs nothing but Node 18.
//
//   listen.mjs http://127.0.0.1:3000 demo/messages [TOPIC...]
//
// RETRY_S: seconds between two tries, at most (default 1). In a browser, EventSource does all this by itself:
// see README.md.

import http from 'node:http';
import https from 'node:https';
import { argv, env, exit, stderr, stdout } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

// The server beats each 15 s: a connection that is silent for longer than two beats is dead.
const SILENCE_MS = 40_000;

/** Reads text, cut anywhere, as events; one that is cut off is none. */
function decoder(onEvent) {
  let rest = '';
  let event = { name: '', data: [] };
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
      if (line === '') {
        onEvent({ ...event, data: event.data.join('\n') });
        event = { name: '', data: [] };
      } else if (field === 'event') event.name = value;
      else if (field === 'data') event.data.push(value);
      else if (field === 'id') event.id = value;
    }
  };
}

/** Reads one stream to its end. Not by `fetch`: that throws away what came together with the cut, and with short
 * connections would never get on. */
function read(url, lastId, onEvent) {
  return new Promise((done) => {
    const { get } = url.startsWith('https:') ? https : http;
    const asked = get(url, { headers: { 'last-event-id': lastId }, timeout: SILENCE_MS }, (response) => {
      const { statusCode } = response;
      response.setEncoding('utf8');
      if (statusCode === 200) response.on('data', decoder(onEvent));
      else response.on('data', (text) => stderr.write(text));
      // What is wrong with the request stays wrong.
      response.on('close', () => (statusCode >= 400 && statusCode < 500 && statusCode !== 429 ? exit(1) : done()));
      response.on('error', (error) => stderr.write(`cut off: ${error.message}\n`));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', (error) => done(stderr.write(`cut off: ${error.message}\n`)));
  });
}

const [, , base, ...topics] = argv;
const url = `${base}/live?${new URLSearchParams(topics.map((topic) => ['topic', topic]))}`;
let lastId = '';
for (;;) {
  await read(url, lastId, ({ name, data, id }) => {
    if (name === '' && data !== '') stdout.write(`${data}\n`);
    else if (name === 'gap') stderr.write(`some messages may be missing: ${data}\n`);
    // Only now: what was not handed on must come again.
    lastId = id ?? lastId;
  });
  await delay(Math.random() * 1000 * Number(env.RETRY_S ?? 1));
}
