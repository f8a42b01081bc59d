// Three nodes behind one front door: the one behind an open page dies, and the page goes on.

import { Api, unique } from './support/api';
import { STREAM } from './support/gate';
import { FrontDoor } from './support/front-door';
import { Home } from './support/home';
import { expect, test } from './support/test';

test.describe('behind the front door', () => {
  let door: FrontDoor;

  test.beforeAll(async () => {
    door = await FrontDoor.start();
  });

  test.afterAll(async () => {
    await door.stop();
  });

  test('every node lists all three', async () => {
    for (const name of ['alpha', 'beta', 'gamma']) {
      const answer = await fetch(`${door.node(name).url}/api/nodes`);
      const { node, engine, nodes } = (await answer.json()) as {
        node: string;
        engine: string;
        nodes: { node: string; epoch: number; state: string; since_ms: number }[];
      };
      expect([node, engine]).toEqual([name, 'zenoh']);
      expect(nodes.map((node) => [node.node, node.state])).toEqual([
        ['alpha', 'up'],
        ['beta', 'up'],
        ['gamma', 'up'],
      ]);
      expect(nodes.every((node) => node.epoch > 0 && node.since_ms > 0)).toBe(true);
    }
  });

  test('calls land on any node, and find the one stream', async ({ page }) => {
    const streams: string[] = [];
    page.on('request', (request) => {
      if (STREAM.test(request.url())) streams.push(request.url());
    });
    const home = new Home(page);
    await home.open(door.url);
    await home.live();
    // Each page holds topics of its own: what is taken and let go is told in a call, to whichever node has its turn.
    for (let turn = 0; turn < 4; turn++) {
      await page.getByRole('link', { name: 'Board' }).first().click();
      await home.live();
      await page.getByRole('link', { name: 'Cluster' }).first().click();
      await expect(page.locator('[data-node]')).toHaveCount(3);
      await home.live();
      await page.getByRole('link', { name: 'Home' }).first().click();
      await home.live();
    }
    expect(streams).toHaveLength(1);
  });

  test('the node behind an open page is killed: stream and server functions move on, and nothing is lost', async ({ page, watch }) => {
    watch.expectFailure(STREAM, 'the node that has the stream is killed', { maybe: true });
    const home = new Home(page);
    await home.open(door.url);
    await home.live();
    const said: string[] = [];
    const say = async (at: Api): Promise<void> => {
      const text = unique(`message ${said.length}`);
      await at.say(text);
      said.push(text);
    };
    for (let count = 0; count < 5; count++) await say(door.api);
    await expect(home.messages.text(said[4]!)).toBeVisible();

    const behind = await door.withStream();
    const others = ['alpha', 'beta', 'gamma'].filter((name) => name !== behind.name).map((name) => new Api(door.node(name).url));
    door.kill(behind);
    // Published on the nodes that live, while the page has none.
    for (let count = 0; count < 10; count++) await say(others[count % 2]!);
    await expect(home.messages.text(said.at(-1)!)).toBeVisible({ timeout: 30_000 });
    await home.live();
    // Each once. In which order is the node's to say, for they were published on several.
    const shown = await home.messages.texts.allTextContents();
    expect(shown.filter((text) => said.includes(text)).sort()).toEqual([...said].sort());

    // A server function lands on a node that lives, and the page shows what came of it.
    const text = unique('written by the page');
    await home.messages.say(text);
    await expect(home.messages.text(text)).toBeVisible();
    expect((await door.withStream()).name).not.toBe(behind.name);
  });
});
