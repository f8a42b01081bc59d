// `script/cluster`: three nodes behind one front door, as an operator starts them.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { Api } from './api';
import { binary, freePort } from './server';

const NODE_LINE = /^cluster: (\w+) is process (\d+), on (http:\/\/\S+)$/;
const READY_LINE = 'Ctrl-C ends all.';

interface Node {
  name: string;
  process: number;
  url: string;
}

export class FrontDoor {
  readonly api: Api;
  readonly said: string[] = [];
  private readonly nodes = new Map<string, Node>();

  private constructor(
    readonly url: string,
    private readonly script: ChildProcess,
    private readonly ended: Promise<unknown>,
  ) {
    this.api = new Api(url);
  }

  static async start(): Promise<FrontDoor> {
    const front = await freePort();
    const script = spawn(resolve(__dirname, '../../../script/cluster'), ['3'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        CLUSTER_BIN: binary(),
        CLUSTER_PORT: `${front}`,
        CLUSTER_NODE_PORT: `${20_000 + Math.floor(Math.random() * 6_000)}`,
      },
    });
    const door = new FrontDoor(`http://127.0.0.1:${front}`, script, once(script, 'exit'));
    script.stderr?.on('data', (text: Buffer) => door.said.push(text.toString()));
    const ready = new Promise<boolean>((done) => {
      createInterface({ input: script.stdout! }).on('line', (line) => {
        door.said.push(line);
        const [, name, process, url] = NODE_LINE.exec(line) ?? [];
        if (name && process && url) door.nodes.set(name, { name, process: Number(process), url });
        if (line === READY_LINE) done(true);
      });
    });
    if (!(await Promise.race([ready, door.ended.then(() => false)]))) {
      throw new Error(`script/cluster did not start:\n${door.said.join('\n')}`);
    }
    return door;
  }

  /** How many streams a node has open; one that is dead has none. */
  private async streams(node: Node): Promise<number> {
    const answer = new Api(node.url).send('/metrics');
    const { body } = await answer.catch(() => ({ body: '' }));
    return Number(/^tidings_streams(?:\{[^}]*\})? (\d+)/m.exec(body)?.[1] ?? 0);
  }

  /** The node that has a stream open. */
  async withStream(): Promise<Node> {
    for (const node of this.nodes.values()) {
      if ((await this.streams(node)) > 0) return node;
    }
    throw new Error('no node has a stream');
  }

  node(name: string): Node {
    const node = this.nodes.get(name);
    if (!node) throw new Error(`no node ${name}`);
    return node;
  }

  /** Ends a node as a crash does. The script starts it again after a while. */
  kill(node: Node): void {
    process.kill(node.process, 'SIGKILL');
  }

  /** As Ctrl-C does. */
  async stop(): Promise<void> {
    this.script.kill('SIGINT');
    await this.ended;
  }
}
