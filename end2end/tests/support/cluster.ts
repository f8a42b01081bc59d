// A cluster of server processes, and its page as a visitor sees it.

import { once } from 'node:events';
import { createServer } from 'node:net';

import { expect, type Locator, type Page } from '@playwright/test';

import { Api } from './api';
import { Home } from './home';
import { Server } from './server';

export const TOKEN = 'break-it';
/** Where a page asks for one more on a counter, and for a fault. */
export const ADD = /\/fn\/add_to$/;
export const FAULT = /\/fn\/fault$/;

export type NodeName = 'alpha' | 'beta' | 'gamma';
export const NAMES: NodeName[] = ['alpha', 'beta', 'gamma'];

/** What `GET /api/nodes` answers. */
interface Seen {
  nodes: { node: string; state: string }[];
}

/** Three nodes that find each other. */
export class Nodes {
  private constructor(private readonly servers: Map<NodeName, Server>) {}

  static async start(): Promise<Nodes> {
    const ports = await Promise.all(NAMES.map(freePort));
    const common = {
      TIDINGS_ENGINE: 'zenoh',
      TIDINGS_SECRET: 'of the browser tests',
      TIDINGS_DEMO_TOKEN: TOKEN,
      TIDINGS_PEERS: ports.map((port) => `127.0.0.1:${port}`).join(','),
    };
    const start = async (name: NodeName, at: number): Promise<[NodeName, Server]> => {
      const own = { TIDINGS_NODE: name, TIDINGS_CLUSTER_LISTEN: `127.0.0.1:${ports[at]}` };
      return [name, await Server.start({ env: { ...common, ...own } })];
    };
    const nodes = new Nodes(new Map(await Promise.all(NAMES.map(start))));
    await nodes.whole();
    return nodes;
  }

  at(name: NodeName): Server {
    const server = this.servers.get(name);
    if (!server) throw new Error(`no node ${name}`);
    return server;
  }

  /** Waits until all see each other. */
  async whole(): Promise<void> {
    for (const server of this.servers.values()) {
      const up = async () => {
        const { nodes } = (await new Api(server.url).send('/api/nodes')).json<Seen>();
        return nodes.filter((node) => node.state === 'up').length;
      };
      await expect.poll(up, { timeout: 30_000 }).toBe(this.servers.size);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.servers.values()].map((server) => server.stop()));
  }
}

/** The page of the cluster. */
export class ClusterPage {
  readonly home: Home;
  readonly sum: Locator;
  readonly up: Locator;
  /** What came of the last thing that was asked of an actor. */
  readonly error: Locator;
  readonly links: Locator;
  readonly dots: Locator;
  readonly faults: FaultForm;

  constructor(
    readonly page: Page,
    private readonly url = '',
  ) {
    this.home = new Home(page);
    this.sum = page.locator('[data-figure="sum"]');
    this.up = page.locator('[data-figure="up"] .num');
    this.error = page.locator('.nodes-error');
    this.links = page.locator('#links tbody tr');
    this.dots = page.locator('.map-dot');
    this.faults = new FaultForm(page.locator('.demo'));
  }

  async open(): Promise<this> {
    await this.home.open(`${this.url}/cluster`);
    return this;
  }

  async openLive(): Promise<this> {
    await this.open();
    await this.home.live();
    return this;
  }

  node(name: string): NodeCard {
    return new NodeCard(this.page, this.page.locator(`[data-node="${name}"]`), name);
  }

  link(from: string, to: string): Locator {
    return this.page.locator(`[data-link="${from}-${to}"]`);
  }
}

export class NodeCard {
  readonly counter: Locator;
  readonly state: Locator;
  readonly since: Locator;
  readonly serves: Locator;
  readonly add: Locator;
  readonly crash: Locator;

  constructor(
    page: Page,
    readonly root: Locator,
    name: string,
  ) {
    this.counter = root.locator('.node-number');
    this.state = root.locator('.node-state');
    this.since = root.locator('.node-since');
    this.serves = root.getByText('serves this page');
    this.add = page.getByRole('button', { name: `Add one to ${name}'s counter` });
    this.crash = page.getByRole('button', { name: `Crash ${name}'s actor` });
  }

  async fares(fare: 'up' | 'down' | 'left', timeout = 20_000): Promise<void> {
    await expect(this.root).toHaveAttribute('data-fare', fare, { timeout });
  }
}

class FaultForm {
  readonly error: Locator;
  readonly made: Locator;

  constructor(readonly root: Locator) {
    this.error = root.locator('.field-error');
    this.made = root.locator('.demo-made li');
  }

  async make(what: string, first: NodeName, second: NodeName, token = TOKEN): Promise<void> {
    await this.root.getByLabel('Token').fill(token);
    await this.root.getByLabel('Do', { exact: true }).selectOption(what);
    await this.root.getByLabel('First node').selectOption(first);
    await this.root.getByLabel('Second node').selectOption(second);
    await this.root.getByRole('button', { name: 'Do it' }).click();
  }
}

/** A port that nobody listens on, below the range from which the system takes those of outgoing connections. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer().listen(port, '127.0.0.1');
    const isFree = await Promise.race([
      once(probe, 'listening').then(() => true),
      once(probe, 'error').then(() => false),
    ]).catch(() => false);
    if (!isFree) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
