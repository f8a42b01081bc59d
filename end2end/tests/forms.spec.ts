// The forms: they work with script, without it, and before it has arrived.

import type { Page } from '@playwright/test';

import { thousands, unique } from './support/api';
import { Gate, WASM } from './support/gate';
import { expect, test } from './support/test';

/** One more character than a message may have. */
const TOO_LONG = 'x'.repeat(281);

test.describe('without script', () => {
  test('adding one leads back to the page, which shows the new number', async ({ plain: home, api }) => {
    const before = await api.counter();
    await home.open();
    await home.counter.button.click();
    await expect(home.counter.number).toHaveText(thousands(before + 1));
    expect(new URL(home.page.url()).pathname).toBe('/');
  });

  test('a message leads back to the page, which shows it', async ({ plain: home }) => {
    const text = unique('without script');
    await home.open();
    await home.messages.say(text);
    await expect(home.messages.text(text)).toHaveCount(1);
    await expect(home.messages.input).toHaveValue('');
    expect(new URL(home.page.url()).pathname).toBe('/');
  });

  test('a reload posts nothing twice', async ({ plain: home, api }) => {
    const text = unique('once');
    await home.open();
    await home.messages.say(text);
    await expect(home.messages.text(text)).toHaveCount(1);
    await home.counter.button.click();
    const counter = await api.counter();
    const posts = postsOf(home.page);

    await home.page.reload();
    await expect(home.messages.text(text)).toHaveCount(1);
    await expect(home.counter.number).toHaveText(thousands(counter));
    expect(await api.counter()).toBe(counter);
    expect((await api.messages()).filter((each) => each === text)).toHaveLength(1);
    expect(posts()).toEqual([]);
  });

  for (const [what, text, reason] of [
    ['too long', TOO_LONG, /281 characters, at most 280/],
    ['of nothing but spaces', '   ', /needs some text/],
    ['with quotes, too long', `"<é&?+%>" ${TOO_LONG}`, /characters, at most 280/],
  ] as const) {
    test(`a message ${what} is refused beside the field, with its text kept`, async ({ plain: home, api }) => {
      const messages = await api.messages();
      await home.open();
      await home.messages.say(text);

      await expect(home.messages.error).toHaveText(reason);
      await expect(home.messages.input).toHaveValue(text);
      await expect(home.messages.input).toHaveAttribute('aria-invalid', 'true');
      await expect(home.counter.error).toHaveText(/^\s*$/);
      expect(await api.messages()).toEqual(messages);
    });
  }

  test('a text of many pages is refused beside the field too', async ({ plain: home, api }) => {
    const messages = await api.messages();
    await home.open();
    // As base64 in an address, this is more than servers and browsers take.
    await home.messages.say('long '.repeat(20_000));
    await expect(home.messages.error).toHaveText(/100000 characters, at most 280/);
    expect(await api.messages()).toEqual(messages);
  });

  test('what was refused and then mended is published, and the refusal is gone', async ({ plain: home }) => {
    const text = unique('mended');
    await home.open();
    await home.messages.say(TOO_LONG);
    await expect(home.messages.error).toHaveText(/at most 280/);
    await home.messages.say(text);
    await expect(home.messages.text(text)).toHaveCount(1);
    await expect(home.messages.error).toHaveText(/^\s*$/);
    await expect(home.messages.input).toHaveValue('');
    await expect(home.messages.input).not.toHaveAttribute('aria-invalid');
  });

  test('after a refusal the other form still works', async ({ plain: home, api }) => {
    await home.open();
    await home.messages.say(TOO_LONG);
    const before = await api.counter();
    await home.counter.button.click();
    await expect(home.counter.number).toHaveText(thousands(before + 1));
    await expect(home.counter.error).toHaveText(/^\s*$/);
  });
});

test.describe('before the wasm has arrived', () => {
  test('both forms work, and the page is live in the end', async ({ home, api, watch }) => {
    watch.expectFailure(WASM, 'sending a form leaves the page, and what it was waiting for');
    const wasm = await Gate.at(home.page, WASM);
    const [before, text] = [await api.counter(), unique('before the wasm')];
    await home.open();
    await wasm.reached();
    await home.counter.button.click({ noWaitAfter: true });
    await expect(home.counter.number).toHaveText(thousands(before + 1));
    await home.messages.say(text);
    await expect(home.messages.text(text)).toHaveCount(1);
    await expect(home.pill.word).toHaveText('not live yet');

    await wasm.open();
    await home.live();
    await expect(home.counter.number).toHaveText(thousands(before + 1));
    await expect(home.messages.text(text)).toHaveCount(1);
  });

  test('a refusal is shown beside the field, and stays when the script takes over', async ({ home, watch }) => {
    watch.expectFailure(WASM, 'sending a form leaves the page, and what it was waiting for');
    const wasm = await Gate.at(home.page, WASM);
    await home.open();
    await wasm.reached();
    await home.messages.say(TOO_LONG);
    await expect(home.messages.error).toHaveText(/at most 280/);
    await expect(home.messages.input).toHaveValue(TOO_LONG);

    await wasm.open();
    await home.live();
    await expect(home.messages.error).toHaveText(/at most 280/);
    await expect(home.messages.input).toHaveValue(TOO_LONG);
    await expect(home.messages.input).toHaveAttribute('aria-invalid', 'true');
    // And it can be mended with script.
    const text = unique('mended with script');
    await home.messages.say(text);
    await expect(home.messages.text(text)).toHaveCount(1);
    await expect(home.messages.error).toHaveText(/^\s*$/);
    await expect(home.messages.input).toHaveValue('');
  });

  test('what was typed before the takeover is kept', async ({ home }) => {
    const wasm = await Gate.at(home.page, WASM);
    await home.open();
    await wasm.reached();
    await home.messages.input.fill('half a sent');
    await wasm.open();
    await home.live();
    await expect(home.messages.input).toHaveValue('half a sent');
    await expect(home.messages.root.locator('#say-count')).toHaveText(/^11\s*\/\s*280$/);
  });
});

test.describe('with script', () => {
  test('both forms are sent without leaving the page', async ({ home, api }) => {
    await home.openLive();
    await home.page.evaluate(() => Object.assign(window, { stayed: true }));
    const [before, text] = [await api.counter(), unique('with script')];
    await home.counter.button.click();
    await expect(home.counter.number).toHaveText(thousands(before + 1));
    await home.messages.input.fill(text);
    await home.messages.input.press('Enter');
    await expect(home.messages.text(text)).toHaveCount(1);
    await expect(home.messages.input).toHaveValue('');
    expect(await home.page.evaluate(() => 'stayed' in window)).toBe(true);
  });

  test('a refusal is shown beside the field, with its text kept', async ({ home, api, watch }) => {
    watch.expectFailure(/\/fn\/say$/, 'a message that is too long is refused with 422');
    await home.openLive();
    const messages = await api.messages();
    const answer = home.page.waitForResponse(/\/fn\/say$/);
    await home.messages.say(TOO_LONG);
    expect((await answer).status()).toBe(422);
    await expect(home.messages.error).toHaveText(/281 characters, at most 280/);
    await expect(home.messages.input).toHaveValue(TOO_LONG);
    await expect(home.messages.input).toHaveAttribute('aria-invalid', 'true');
    expect(await api.messages()).toEqual(messages);
  });
});

/** The URLs that a page posts to from now on. */
function postsOf(page: Page): () => string[] {
  const posts: string[] = [];
  page.on('request', (request) => {
    if (request.method() === 'POST') posts.push(request.url());
  });
  return () => posts;
}
