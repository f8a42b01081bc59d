// The app of docs/ADD.md: 30 lines after it was an app without Tidings.

import { Api } from './support/api';
import { App } from './support/app';
import { STREAM } from './support/gate';
import { expect, test } from './support/test';

test('the counter is shared by all who look @added', async ({ another, watch }) => {
  watch.expectFailure(/\/favicon\.ico$/, 'the app has none', { maybe: true });
  watch.expectFailure(STREAM, 'the visitors leave');
  const app = await App.start('hello', 'add');
  try {
    const [here, there] = [await another({ baseURL: app.url }), await another({ baseURL: app.url })];
    await here.openLive();
    await there.openLive();
    const [mine, theirs] = [here, there].map((home) => home.page.getByRole('button', { name: 'Clicked' }));
    for (const expected of [1, 2, 3]) {
      await (expected === 2 ? theirs! : mine!).click();
      await expect(mine!).toHaveText(`Clicked: ${expected}`);
      await expect(theirs!).toHaveText(`Clicked: ${expected}`);
    }
    // And it is in the page before any script.
    const painted = (await new Api(app.url).send('/')).body.replace(/<!(--.*?--)?>/g, '');
    expect(painted).toContain('Clicked: 3');
    for (const { page } of [here, there]) await page.goto('about:blank');
  } finally {
    await app.stop();
  }
});
