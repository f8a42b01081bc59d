// The chat: lines, who is typing, what was missed, and rules that are told kindly.

import { Api } from './support/api';
import { BE_CALLED, newRoom, Room, SAY_IN, sayMany, Speaker } from './support/chat';
import { Cutter } from './support/cutter';
import { STREAM } from './support/gate';
import { expect, test, testWithOwnServer } from './support/test';

test('what one says all read, with the name that was then', async ({ page, another, watch }) => {
  watch.expectFailure(STREAM, 'a reload ends the stream');
  const name = newRoom();
  const ann = await new Room(page, name).openLive();
  const bob = await new Room((await another()).page, name).openLive();
  await ann.beCalled('Ann');
  await expect(bob.person('Ann')).toHaveCount(1);
  await ann.say('hello');
  await expect(bob.lines).toHaveText(['hello']);
  await expect(bob.page.locator('.chat-name')).toHaveText(['Ann']);
  await expect(ann.text).toHaveValue('');
  await ann.beCalled('Anna');
  await expect(bob.person('Anna')).toHaveCount(1);
  await bob.say('hi');
  await expect(ann.lines).toHaveText(['hello', 'hi']);
  await expect(ann.page.locator('.chat-name').first()).toHaveText('Ann');
  await page.reload({ waitUntil: 'domcontentloaded' });
  await expect(ann.name).toHaveValue('Anna');
  await expect(ann.lines).toHaveText(['hello', 'hi']);
});

test('typing is told, and ends with the line', async ({ page, another }) => {
  const name = newRoom();
  const ann = await new Room(page, name).openLive();
  const bob = await new Room((await another()).page, name).openLive();
  await ann.beCalled('Ann');
  await ann.text.pressSequentially('on my w');
  await expect(bob.typing).toHaveText('Ann is typing');
  await expect(bob.person('Ann')).toHaveAttribute('data-typing', '');
  await expect(ann.typing).toHaveText('');
  await ann.text.press('Enter');
  await expect(bob.lines).toHaveText(['on my w']);
  await expect(bob.typing).toHaveText('');
});

test('who stops typing is not typing any more', async ({ page, another }) => {
  const name = newRoom();
  const ann = await new Room(page, name).openLive();
  const bob = await new Room((await another()).page, name).openLive();
  await ann.text.pressSequentially('hm');
  await expect(bob.typing).toHaveText(/is typing$/);
  await expect(bob.typing).toHaveText('');
  await expect(ann.text).toHaveValue('hm');
});

test('who is too fast is told so beside the form, and keeps the text', async ({ page, watch }) => {
  watch.expectFailure(SAY_IN, 'more lines than a guest may say at once');
  const room = await new Room(page, newRoom()).openLive();
  for (let nth = 0; ; nth++) {
    await room.text.fill(`line ${nth}`);
    const answered = page.waitForResponse(SAY_IN);
    await room.text.press('Enter');
    if ((await answered).status() !== 200) {
      expect(nth).toBeGreaterThanOrEqual(10);
      await expect(room.error).toHaveText(/that was fast: 10 lines at once, then one each second\. Try again in 1 s/);
      await expect(room.text).toHaveValue(`line ${nth}`);
      await expect(room.lines).toHaveCount(nth);
      // A moment later it is taken as it stands.
      await expect(async () => {
        await room.text.press('Enter');
        await expect(room.lines).toHaveCount(nth + 1, { timeout: 500 });
      }).toPass({ timeout: 10_000 });
      await expect(room.error).toHaveText('');
      return;
    }
    await expect(room.text).toHaveValue('');
  }
});

test('rules are told beside the form: length, emptiness, names', async ({ page, watch }) => {
  watch.expectFailure(SAY_IN, 'a line that breaks a rule');
  watch.expectFailure(BE_CALLED, 'a name that breaks a rule');
  const room = await new Room(page, newRoom()).openLive();
  await room.say('x'.repeat(281));
  await expect(room.error).toHaveText(/281 characters, at most 280/);
  await expect(room.text).toHaveValue('x'.repeat(281));
  await room.say(' ');
  await expect(room.error).toHaveText(/needs some text/);
  const before = await room.me();
  await room.beCalled('x'.repeat(25));
  await expect(room.nameError).toHaveText(/25 characters, at most 24/);
  await expect(room.name).toHaveValue('x'.repeat(25));
  expect(await room.me()).toBe(before);
});

test.describe('without script', () => {
  test('lines and names are taken by forms', async ({ plain, api }) => {
    const room = await new Room(plain.page, newRoom()).open();
    await room.beCalled('Ann without script');
    await expect(room.name).toHaveValue('Ann without script');
    await room.say('written by a form');
    await expect(room.lines).toHaveText(['written by a form']);
    await expect(room.page.locator('.chat-name')).toHaveText(['Ann without script']);
    expect(new URL(plain.page.url()).pathname).toBe(`/chat/${room.room}`);
    await room.say('x'.repeat(281));
    await expect(room.error).toHaveText(/281 characters, at most 280/);
    await expect(room.text).toHaveValue('x'.repeat(281));
    const other = await Speaker.of(api);
    expect((await other.say(room.room, 'of another guest')).status).toBe(200);
    await room.open();
    await expect(room.lines).toHaveText(['written by a form', 'of another guest']);
  });
});

test('nobody speaks as somebody else', async ({ api }) => {
  const room = newRoom();
  const line = { guest: '0123456789abcdef', name: 'Ann', colour: 0, text: 'not hers', nth: 1 };
  expect((await api.post(`/api/topics/chat/${room}`, line)).status).toBe(403);
  const body = new URLSearchParams({ room, text: 'of nobody' }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded', cookie: 'tidings_guest=0123456789abcdef:0:Ann:forged' };
  const answer = await api.send('/fn/say_in', { method: 'POST', headers, body });
  expect([answer.status, answer.body]).toEqual([422, expect.stringContaining('allow cookies')]);
});

testWithOwnServer.describe('after a gap', () => {
  testWithOwnServer.use({ ownOptions: { env: { TIDINGS_BEAT_MS: '200' } } });

  testWithOwnServer('a divider says how many lines were missed', async ({ page, own, watch }) => {
    watch.expectFailure(STREAM, 'the network is gone for a while', { maybe: true });
    const network = await Cutter.start(own.port, 1, 7);
    network.heal();
    const api = new Api(own.url);
    const room = await new Room(page, newRoom(), network.url).openLive();
    await room.say('before the gap');
    await expect(room.lines).toHaveText(['before the gap']);
    network.silence();
    await expect(room.home.pill.root).not.toHaveAttribute('data-state', 'live');
    // A hundred are kept.
    await sayMany(api, room.room, 112);
    network.speak();
    await expect(room.marks).toHaveText(['you missed 12 messages'], { timeout: 40_000 });
    await expect(room.lines).toHaveCount(101);
    await expect(room.lines.nth(0)).toHaveText('before the gap');
    await expect(room.lines.nth(1)).toHaveText('line 12');
    network.stop();
  });
});
