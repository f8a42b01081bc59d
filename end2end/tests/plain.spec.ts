// The clients of examples/plain, cut off again and again: nothing comes twice, nothing is missing.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { unique } from './support/api';
import { Cutter } from './support/cutter';
import { expect, testWithOwnServer as test } from './support/test';

/** Fewer than the topic keeps: what is resumed is resumed without a gap. */
const MESSAGES = 150;

/** More than an answer's head and some events, and less than all of them. */
const BYTES_MAX = 4000;

const CLIENTS = [
  ['curl', 'bash', 'listen.sh'],
  ['Python', 'python3', 'listen.py'],
  ['JavaScript', 'node', 'listen.mjs'],
] as const;

for (const [name, program, file] of CLIENTS) {
  test(`${name} goes on exactly where it was cut off`, async ({ api, own }) => {
    const cutter = await Cutter.start(own.port, BYTES_MAX, 7);
    const path = resolve(__dirname, '../../examples/plain', file);
    const client = spawn(program, [path, cutter.url, 'demo/messages'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, RETRY_S: '0.1' },
      // A shell's children are its own group, to be ended together.
      detached: true,
    });
    let said = '';
    client.stderr.on('data', (text: Buffer) => (said += text.toString()));
    const texts: string[] = [];
    createInterface({ input: client.stdout }).on('line', (line) => texts.push(JSON.parse(line).data.text));
    try {
      const sent = Array.from({ length: MESSAGES }, (_, nth) => unique(`number ${nth}: «»\u2028:`));
      for (const text of sent) await api.say(text);
      await expect.poll(() => cutter.cuts, { timeout: 30_000 }).toBeGreaterThan(5);
      await expect.poll(() => texts.length, { timeout: 30_000 }).toBe(sent.length);
      cutter.heal();
      const last = unique('the last');
      await api.say(last);
      await expect.poll(() => texts.at(-1), { timeout: 30_000 }).toBe(last);
      expect(texts).toEqual([...sent, last]);
      expect(said).not.toMatch(/missing/);
      console.log(`    ${name}: ${texts.length} messages over ${cutter.cuts} cuts`);
    } finally {
      cutter.stop();
      const closed = once(client, 'close');
      process.kill(-client.pid!, 'SIGKILL');
      await closed;
    }
  });
}

test('EventSource of a browser does too', async ({ page, api, own, watch }) => {
  watch.expectFailure(/\/live\?/, 'it is cut off again and again');
  watch.expectFailure(/\/favicon\.ico$/, 'an answer in JSON names no icon', { maybe: true });
  // Chromium waits for three seconds after each cut, so there are fewer.
  const cutter = await Cutter.start(own.port, 5 * BYTES_MAX, 7);
  cutter.heal();
  await page.goto(`${cutter.url}/healthz`);
  cutter.hurt();
  await page.evaluate(() => {
    const texts: string[] = [];
    const gaps: string[] = [];
    Object.assign(window, { texts, gaps });
    const live = new EventSource('/live?topic=demo/messages');
    live.addEventListener('message', ({ data }) => texts.push(JSON.parse(data).data.text));
    live.addEventListener('gap', ({ data }) => gaps.push(data));
  });
  const heard = () => page.evaluate(() => {
      const { texts, gaps } = window as unknown as { texts: string[]; gaps: string[] };
      return { texts, gaps };
    });
  const sent = Array.from({ length: MESSAGES }, (_, nth) => unique(`number ${nth}`));
  for (const text of sent) await api.say(text);
  await expect.poll(async () => (await heard()).texts.length, { timeout: 50_000 }).toBe(sent.length);
  expect(cutter.cuts).toBeGreaterThan(1);
  expect(await heard()).toEqual({ texts: sent, gaps: [] });
  console.log(`    EventSource: ${sent.length} messages over ${cutter.cuts} cuts`);
  cutter.stop();
});
