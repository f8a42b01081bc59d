// A deploy under an open page: the next build speaks the same wire, has another id, and another type on one topic.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

import { unique } from './support/api';
import { STREAM } from './support/gate';
import { expect, testWithOwnServer as test } from './support/test';

/** crates/tidings-axum/examples/next_build.rs */
const NEXT_BUILD = process.env['TIDINGS_NEXT_BUILD'] ?? resolve(__dirname, '../../target/debug/examples/next_build');

test('an open page goes on with the next build, and offers to reload', async ({ home, own, api, watch }) => {
  watch.expectFailure(STREAM, 'the server is away for a while', { maybe: true });
  watch.expectConsole(/cannot read/, 'the counter is of another type now');
  await api.addOne();
  await home.openLive();
  await home.page.evaluate(() => Object.assign(window, { stayed: true }));
  await expect(home.counter.number).toHaveText('1');

  await own.stop();
  const next: ChildProcess = spawn(NEXT_BUILD, [], {
    stdio: 'inherit',
    env: { ...process.env, TIDINGS_ADDR: `127.0.0.1:${own.port}` },
  });
  try {
    await home.live();
    // What this build cannot read is named, and what was shown stays.
    await expect(home.counter.root).toHaveAttribute('data-status', 'incompatible');
    await expect(home.counter.number).toHaveText('1');
    await expect(home.counter.root).toContainText('reload');
    // The others go on.
    await expect(home.messages.root).toHaveAttribute('data-status', 'live');
    const text = unique('from the next build');
    await api.say(text);
    await expect(home.messages.text(text)).toHaveCount(1);
    const notice = home.notices.filter({ hasText: 'There is a new version' });
    await expect(notice.getByRole('link', { name: 'Reload' })).toBeVisible();
    expect(await home.page.evaluate(() => 'stayed' in window)).toBe(true);
  } finally {
    const closed = once(next, 'close');
    next.kill();
    await closed;
  }
});
