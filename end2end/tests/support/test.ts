// What every test begins with: a server, a page that may not fail silently, and more visitors when it wants them.

import { existsSync } from 'node:fs';

import { type BrowserContext, type BrowserContextOptions, expect, test as base } from '@playwright/test';

import { Api } from './api';
import { WASM } from './gate';
import { Home } from './home';
import { binary, Server, type ServerOptions } from './server';
import { Watch } from './watch';

interface WorkerFixtures {
  /** The server of this worker, and whether others use it too. */
  served: { url: string };
}

interface Fixtures {
  /** How the test's own server is started. */
  ownOptions: ServerOptions;
  /** A server of this test alone, to be stopped and started. */
  own: Server;
  /** The server as programs see it. */
  api: Api;
  /** Fails the test when a page does, except for what the test expects. */
  watch: Watch;
  /** The home page of the first visitor; not opened yet. */
  home: Home;
  /** The home page of another visitor, with cookies and cache of its own; not opened yet. */
  another: (options?: BrowserContextOptions) => Promise<Home>;
  /** The home page of a visitor whose browser runs no script; not opened yet. */
  plain: Home;
}

/** Tests on the server of their worker. */
export const test = base.extend<Fixtures, WorkerFixtures>({
  served: [
    async ({}, use) => {
      const given = process.env['BASE_URL'];
      if (given) return use({ url: given.replace(/\/$/, '') });
      const server = await Server.start();
      await use({ url: server.url });
      await server.stop();
    },
    { scope: 'worker' },
  ],
  ownOptions: [{}, { option: true }],
  own: async ({ ownOptions }, use) => {
    if (!existsSync(binary())) throw new Error(`there is no server at ${binary()}: build one with \`cargo leptos build --release\``);
    const server = await Server.start(ownOptions);
    await use(server);
    await server.stop();
  },
  baseURL: async ({ served }, use) => use(served.url),
  api: async ({ baseURL }, use) => use(new Api(baseURL ?? '')),
  watch: async ({}, use) => {
    const watch = new Watch();
    // That it is there at all: api.spec.ts.
    watch.expectFailure(/\/favicon\.svg$/, 'asked for by the browser when it likes, also of a dead server', { maybe: true });
    await use(watch);
  },
  context: async ({ context, watch }, use) => {
    watch.follow(context);
    await use(context);
    watch.end();
    expect(watch.verdict(), 'what went wrong in a browser').toEqual([]);
  },
  home: async ({ page }, use) => use(new Home(page)),
  // Needs the first visitor's context, so that it ends before what is found is judged there.
  another: async ({ browser, baseURL, watch, context: _ }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options) => {
      const context = await browser.newContext({ baseURL, ...options });
      contexts.push(context);
      watch.follow(context);
      return new Home(await context.newPage());
    });
    watch.end();
    for (const context of contexts) await context.close();
  },
  plain: async ({ another, watch }, use) => {
    watch.expectFailure(/\/pkg\/.*\.js$/, 'a browser without script blocks the preload of scripts', { maybe: true });
    watch.expectFailure(WASM, 'a form sent early cuts off the preload of the wasm', { maybe: true });
    await use(await another({ javaScriptEnabled: false }));
  },
});

/** Tests on a server of their own. */
export const testWithOwnServer = test.extend({
  baseURL: async ({ own }, use) => use(own.url),
});

export { expect };
