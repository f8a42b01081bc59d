// Takes the pictures of the README; called by script/screenshots.
//
//   node screenshots.mjs URL FOLDER            of a server alone
//   node screenshots.mjs URL FOLDER cluster    of a front door with three nodes behind it

import { readFile } from 'node:fs/promises';
import { chromium } from '@playwright/test';

const [url, folder, what] = process.argv.slice(2);
if (!url || !folder) throw new Error('usage: node screenshots.mjs URL FOLDER [cluster]');

/** GitHub shows a README's pictures as they are: a large one is a slow one. */
const BYTES_MAX = 300_000;

const SHOTS = what === 'cluster' ? [
  { name: 'cluster-light', colorScheme: 'light', width: 1280, height: 860 },
  { name: 'cluster-dark', colorScheme: 'dark', width: 1280, height: 860 },
] : [
  { name: 'home-light', colorScheme: 'light', width: 1280, height: 860 },
  { name: 'home-dark', colorScheme: 'dark', width: 1280, height: 860 },
  { name: 'home-narrow', colorScheme: 'light', width: 360, height: 780 },
];

const MESSAGES = [
  'Good morning from the harbour office',
  'Wind has turned north-west, four and rising',
  'Ferry to the islands leaves on time',
  'Two more crates for the slipway, please',
  'High water at 14:20',
  'Written with curl, and on this page before the prompt came back',
];

const post = async (path, init) => {
  const answer = await fetch(`${url}${path}`, { method: 'POST', ...init });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
};

for (const text of MESSAGES) {
  await post('/api/topics/demo/messages', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
  });
}
for (let times = 0; times < 42; times++) await post('/fn/add_one');
const path = what === 'cluster' ? '/cluster' : '/';
// The first reading of the CPU has no interval to take a share of, and the first count of streams is of before.
const settled = what === 'cluster' ? { selector: '.map-dot' } : { selector: '[data-figure="streams"]', hasText: '1' };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run', '--hide-scrollbars'],
});
try {
  for (const { name, colorScheme, width, height } of SHOTS) {
    const page = await browser.newPage({
      colorScheme,
      viewport: { width, height },
      deviceScaleFactor: 1,
      // A ripple that is half way through is a smudge on a picture.
      reducedMotion: 'reduce',
    });
    await page.goto(`${url}${path}`, { waitUntil: 'domcontentloaded' });
    await page.locator('html[data-live="ready"]').waitFor();
    const { selector, hasText } = settled;
    await page.locator(selector, hasText ? { hasText } : {}).first().waitFor({ state: 'attached' });
    const file = `${folder}/${name}.png`;
    await page.screenshot({ path: file });
    const { length } = await readFile(file);
    if (length > BYTES_MAX) throw new Error(`${file} has ${length} bytes, at most ${BYTES_MAX} are wanted`);
    console.log(`${file}: ${length} bytes`);
    await page.close();
  }
} finally {
  await browser.close();
}
