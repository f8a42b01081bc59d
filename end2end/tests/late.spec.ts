// Parts of one page that begin at different moments show the same: each number once, and in order.

import { App } from './support/app';
import { STREAM } from './support/gate';
import { expect, test } from './support/test';

test('rendered a hundred messages apart, shown later, or on another page: the same log @added', async ({ another, watch }) => {
  watch.expectFailure(STREAM, 'the visitor leaves');
  const app = await App.start('late');
  try {
    // Some were said before anybody came.
    await fetch(`${app.url}/`).then((answer) => answer.text());
    const home = await another({ baseURL: app.url });
    const { page } = home;
    const answer = await page.goto('/');
    const html = (await answer!.text()).replace(/<!(--.*?--)?>/g, '');
    await home.live();
    const numbers = async (id: string) => (await page.locator(`#${id} i`).allTextContents()).map(Number);
    const upTo = (last: number) => Array.from({ length: last }, (_, nth) => nth + 1);
    // The first part was painted with a hundred, the second with two hundred.
    const painted = (id: string) => (new RegExp(`<p id="${id}">(.*?)</p>`, 's').exec(html)?.[1]?.match(/<i>/g) ?? []).length;
    expect([painted('early'), painted('late')]).toEqual([100, 200]);
    for (const id of ['early', 'late']) await expect.poll(() => numbers(id)).toEqual(upTo(200));

    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByRole('button', { name: 'Row' }).click();
    await page.getByRole('button', { name: 'Row' }).click();
    // Another visitor's page says a hundred more.
    await fetch(`${app.url}/`).then((more) => more.text());
    for (const id of ['early', 'late', 'shown']) await expect.poll(() => numbers(id)).toEqual(upTo(300));
    await expect(page.locator('[data-row]')).toHaveText(['300', '300']);

    await page.getByRole('link', { name: 'Other' }).click();
    await expect.poll(() => numbers('other')).toEqual(upTo(300));
    await fetch(`${app.url}/`).then((more) => more.text());
    await expect.poll(() => numbers('other')).toEqual(upTo(400));
    await page.getByRole('link', { name: 'Home' }).click();
    // Rendered by the browser this time, which asks for a hundred more itself.
    for (const id of ['early', 'late']) await expect.poll(() => numbers(id)).toEqual(upTo(500));
    await page.goto('about:blank');
  } finally {
    await app.stop();
  }
});
