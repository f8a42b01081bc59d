// The cluster's page: on a node alone, and on three that find each other.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { thousands } from './support/api';
import { ADD, ClusterPage, FAULT, NAMES, Nodes } from './support/cluster';
import { Gate, STREAM } from './support/gate';
import { expect, test } from './support/test';
import { type Exception, OF_THE_BROWSER, differences } from './support/texts';

/** Words that go on with the clock, which the page looks at anew. */
const BY_THE_CLOCK: Exception[] = ['.node-since', '.map-state', '.link-says'].map((selector) => ({
  selector,
  what: 'text',
  reason: 'for how long it has been so',
}));

/** Opens the page, lets the script take it over and holds its stream back: what is shown then is what was painted. */
async function staysAsPainted(page: Page, url: string, names: readonly string[], holds: (cluster: ClusterPage) => Promise<void>): Promise<void> {
  const gate = await Gate.at(page, STREAM);
  const cluster = new ClusterPage(page, url);
  const response = await cluster.home.open(`${url}/cluster`);
  await cluster.home.connecting();
  for (const name of names) await cluster.node(name).fares('up');
  await expect(page.locator('.map-node')).toHaveCount(names.length);
  await holds(cluster);
  expect(await differences(page, await response.text(), [...OF_THE_BROWSER, ...BY_THE_CLOCK])).toEqual([]);
  await gate.open();
  await cluster.home.live();
}

/** What axe finds, in a line each. */
async function found(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page: page as never }).analyze();
  return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html}`));
}

test.describe('a node alone', () => {
  test('its page says so, and how to begin three; its counter and its actor do what they are asked', async ({ page, api, watch }) => {
    watch.expectFailure(ADD, 'the actor may be away when it is asked', { maybe: true });
    const before = await api.counter();
    const cluster = await new ClusterPage(page).openLive();
    await expect(page.locator('.alone')).toContainText('This node is alone.');
    await expect(page.locator('.alone code')).toHaveText('script/cluster 3');
    await expect(cluster.up).toHaveText('1');
    const alpha = cluster.node('alpha');
    await alpha.fares('up');
    await expect(alpha.serves).toBeVisible();
    await expect(cluster.links).toHaveCount(0);
    await expect(page.locator('.demo')).toHaveCount(0);

    await alpha.add.click();
    await expect(alpha.counter).toHaveText(thousands(before + 1));
    await expect(cluster.sum).toHaveText(thousands(before + 1));
    await alpha.crash.click();
    await expect(alpha.crash).not.toHaveAttribute('aria-busy');
    // It may be asked while it is away, and says so then.
    await expect(async () => {
      await alpha.add.click();
      await expect(alpha.counter).toHaveText(thousands(before + 2), { timeout: 1_000 });
    }).toPass();
  });

  test('taken over with the stream held closed, the page is as the server sent it', async ({ page, api }) => {
    const counter = await api.counter();
    await staysAsPainted(page, '', ['alpha'], async (cluster) => {
      await expect(cluster.node('alpha').counter).toHaveText(thousands(counter));
    });
  });

  test('without script its forms lead back to the page', async ({ plain, api }) => {
    const before = await api.counter();
    const cluster = await new ClusterPage(plain.page).open();
    await cluster.node('alpha').add.click();
    await expect(cluster.node('alpha').counter).toHaveText(thousands(before + 1));
    expect(new URL(plain.page.url()).pathname).toBe('/cluster');
  });

  test('a node that nobody knows is not asked, and the reason names it', async ({ api }) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await api.send('/fn/add_to', { body: 'node=nobody', headers });
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('nobody was not reached from alpha');
    // Made where nobody may, and with a name that is none.
    const fault = await api.send('/fn/fault', { body: 'token=x&what=stop&first=alpha&second=alpha', headers });
    expect([fault.status, fault.body.includes('without TIDINGS_DEMO_TOKEN')]).toEqual([422, true]);
    const odd = await api.send('/fn/crash', { body: 'node=a%2Fb', headers });
    expect([odd.status, odd.body.includes('is no node')]).toEqual([422, true]);
  });

  test('nobody outside asks an actor directly', async ({ api }) => {
    const ask = { id: 1, from: 'alpha', order: { Add: 1 } };
    for (const topic of ['node/alpha/ask', 'node/alpha/answer', 'node/alpha/sees']) {
      expect((await api.post(`/api/topics/${topic}`, ask)).status).toBe(403);
    }
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`axe finds nothing, ${colorScheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await new ClusterPage(page).openLive();
      expect(await found(page)).toEqual([]);
    });
  }
});

test.describe('three nodes', () => {
  test.describe.configure({ timeout: 120_000 });
  let nodes: Nodes;
  test.beforeAll(async () => {
    nodes = await Nodes.start();
  });
  test.afterAll(async () => nodes.stop());

  test('every page shows all three, and who serves it; each link is measured', async ({ page, another }) => {
    const on = async (page: Page, name: 'alpha' | 'gamma') => new ClusterPage(page, nodes.at(name).url).openLive();
    const [here, there] = [await on(page, 'alpha'), await on((await another()).page, 'gamma')];
    for (const [cluster, serving] of [[here, 'alpha'], [there, 'gamma']] as const) {
      await expect(cluster.up).toHaveText('3');
      for (const name of NAMES) {
        await cluster.node(name).fares('up');
        await expect(cluster.node(name).serves).toHaveCount(name === serving ? 1 : 0);
      }
      await expect(cluster.links).toHaveCount(6);
      for (const from of NAMES) {
        for (const to of NAMES.filter((name) => name !== from)) {
          await expect(cluster.link(from, to)).toContainText(/up for \d+ s.*\d\/s.*\d ms/);
        }
      }
      await expect(cluster.dots).not.toHaveCount(0);
      await expect(cluster.page.locator('.alone')).toHaveCount(0);
    }
  });

  test('taken over with the stream held closed, the page is as the server sent it', async ({ page }) => {
    await staysAsPainted(page, nodes.at('beta').url, NAMES, async (cluster) => {
      await expect(cluster.node('beta').serves).toBeVisible();
      await expect(cluster.links).toHaveCount(6);
    });
  });

  test('any counter is added to from any page; the sum is the same everywhere; an actor that crashes goes on', async ({ page, another, watch }) => {
    watch.expectFailure(ADD, 'the actor may be away when it is asked', { maybe: true });
    const here = await new ClusterPage(page, nodes.at('alpha').url).openLive();
    const there = await new ClusterPage((await another()).page, nodes.at('gamma').url).openLive();
    const number = async (cluster: ClusterPage) => Number((await cluster.node('beta').counter.textContent())?.replace(/,/g, ''));
    await expect(here.node('beta').counter).toHaveText(/\d/);
    const [before, sum] = [await number(here), Number(await here.sum.textContent())];
    await here.node('beta').add.click();
    await expect(there.node('beta').counter).toHaveText(thousands(before + 1));
    await there.node('beta').add.click();
    await there.node('gamma').add.click();
    for (const cluster of [here, there]) {
      await expect(cluster.node('beta').counter).toHaveText(thousands(before + 2));
      await expect(cluster.sum).toHaveText(thousands(sum + 3));
    }

    await here.node('beta').crash.click();
    await expect.poll(() => nodes.at('beta').log).toContain("the node's actor is gone; starting it again");
    await expect(async () => {
      await there.node('beta').add.click();
      await expect(here.node('beta').counter).toHaveText(thousands(before + 3), { timeout: 2_000 });
    }).toPass();
    await expect(here.node('beta').root).toHaveAttribute('data-fare', 'up');
  });

  test('a node that dies greys out with the time since; back again it has its number, and continues', async ({ page, watch }) => {
    watch.expectFailure(ADD, 'the node is dead');
    const cluster = await new ClusterPage(page, nodes.at('alpha').url).openLive();
    const beta = cluster.node('beta');
    await beta.fares('up');
    await beta.add.click();
    await expect(beta.add).not.toHaveAttribute('aria-busy');
    await expect(beta.counter).not.toHaveText(/^(0|–)$/);
    const before = Number(await beta.counter.textContent());

    await nodes.at('beta').kill();
    await beta.fares('down');
    await expect(beta.since).toHaveText(/^for \d+ s, says alpha: \S/);
    const since = await beta.since.textContent();
    await expect(beta.since).not.toHaveText(since ?? '');
    await expect(beta.counter).toHaveText(thousands(before));
    await expect(cluster.up).toHaveText('2');
    await expect(cluster.link('alpha', 'beta')).toHaveAttribute('data-status', 'down');
    await expect(cluster.link('beta', 'alpha')).toContainText('is away');
    await expect(page.locator('.map-node[data-fare="down"] .map-state')).toHaveText(/down for \d+ s/);
    await beta.add.click();
    await expect(cluster.error).toContainText('beta was not reached from alpha');
    await page.emulateMedia({ reducedMotion: 'reduce' });
    expect(await found(page)).toEqual([]);

    await nodes.at('beta').start();
    await beta.fares('up', 30_000);
    await expect(beta.counter).toHaveText(thousands(before));
    await expect(async () => {
      await beta.add.click();
      await expect(beta.counter).toHaveText(thousands(before + 1), { timeout: 2_500 });
    }).toPass();
    await nodes.whole();
  });

  test('faults: not without the token; a link is cut and healed, a node is stopped', async ({ page, another, watch }) => {
    watch.expectFailure(FAULT, 'a wrong token, one node twice, and an end that is not reached');
    const cluster = await new ClusterPage(page, nodes.at('alpha').url).openLive();
    const { faults } = cluster;
    await faults.make('cut', 'alpha', 'beta', 'guessed');
    await expect(faults.error).toContainText('that is not the token');
    await faults.make('cut', 'beta', 'beta');
    await expect(faults.error).toContainText('a link has two ends');
    await expect(faults.made).toHaveCount(0);

    // The node that serves the page reaches both ends, whatever becomes of the link between them.
    await faults.make('cut', 'beta', 'gamma');
    await expect(cluster.link('beta', 'gamma')).toContainText('cut on purpose');
    await expect(cluster.link('gamma', 'beta')).toContainText('cut on purpose');
    await expect(faults.made).toHaveText([/^beta: link to gamma is cut, heals in \d+ s$/, /^gamma: link to beta is cut, heals in \d+ s$/]);
    await cluster.node('beta').fares('up');
    await faults.make('heal', 'beta', 'gamma');
    await expect(faults.made).toHaveCount(0);
    await expect(cluster.link('beta', 'gamma')).toContainText('up for');

    // An end of the cut cannot heal the other through it: it says so, and that heals by itself.
    await faults.make('cut', 'alpha', 'gamma');
    await cluster.node('gamma').fares('down');
    await expect(faults.error).toHaveText('');
    await faults.make('heal', 'alpha', 'gamma');
    await expect(faults.error).toContainText('healed at alpha. gamma is not reached through the cut');
    await expect(cluster.link('alpha', 'gamma')).toContainText('up for');
    const third = await new ClusterPage((await another()).page, nodes.at('beta').url).openLive();
    await third.faults.make('heal', 'alpha', 'gamma');
    await expect(third.faults.made).toHaveCount(0);
    await nodes.whole();

    await faults.make('slow', 'alpha', 'gamma');
    // 300 ms at each end.
    await expect(cluster.link('gamma', 'alpha')).toContainText(/[6-9]\d\d ms/);
    await faults.make('heal', 'gamma', 'alpha');
    await expect(faults.made).toHaveCount(0);

    await faults.make('stop', 'gamma', 'alpha');
    await cluster.node('gamma').fares('left');
    expect(await nodes.at('gamma').stop()).toEqual({ code: 0, signal: null });
    await nodes.at('gamma').start();
    await cluster.node('gamma').fares('up', 30_000);
    await nodes.whole();
  });

  for (const width of [320, 360, 800, 1280, 1920]) {
    test(`nothing sticks out at ${width} pixels`, async ({ page }) => {
      await page.setViewportSize({ width, height: 900 });
      const cluster = await new ClusterPage(page, nodes.at('beta').url).openLive();
      await expect(cluster.up).toHaveText('3');
      const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      expect(widths).toEqual([width, width]);
    });
  }

  test('by keyboard: each node is reached, and what its buttons do', async ({ page }) => {
    const cluster = await new ClusterPage(page, nodes.at('alpha').url).openLive();
    await expect(cluster.node('gamma').counter).toHaveText(/\d/);
    const before = Number(await cluster.node('gamma').counter.textContent());
    await cluster.node('alpha').add.focus();
    for (const button of [cluster.node('alpha').crash, cluster.node('beta').add, cluster.node('beta').crash, cluster.node('gamma').add]) {
      await page.keyboard.press('Tab');
      await expect(button).toBeFocused();
    }
    await page.keyboard.press('Enter');
    await expect(cluster.node('gamma').counter).toHaveText(thousands(before + 1));
  });
});
