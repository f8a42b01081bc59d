// A server process: started, waited for by what it prints, stopped by signals.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** The first line that the server prints, when it can be asked. */
const LIVE_LINE = /^Tidings \S+ is live on (http:\/\/\S+)$/;

/** The server under test. */
export function binary(): string {
  // Seen from the folder where the tests are started, as any path in the environment is.
  const given = process.env['TIDINGS_BIN'];
  if (given) return resolve(given);
  // The build that was made last: `cargo leptos end-to-end` has just made one, of either profile.
  const builds = ['release', 'debug'].map((profile) => resolve(__dirname, `../../../target/${profile}/tidings-server`));
  const made = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return builds.reduce((newest, build) => (made(build) > made(newest) ? build : newest));
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ServerOptions {
  /** The folder to run it in. */
  cwd?: string;
  env?: Record<string, string>;
}

export class Server {
  /** What it printed at its last start. */
  banner: string[] = [];
  /** What it logged since its last start. */
  log = '';
  private child: ChildProcess | undefined;
  private exit: Promise<Exit> | undefined;

  private constructor(
    readonly port: number,
    private readonly options: ServerOptions,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts a server on a free port, and waits until it is live. */
  static async start(options: ServerOptions = {}): Promise<Server> {
    const server = new Server(await freePort(), options);
    await server.start();
    return server;
  }

  /** Starts it (again), on the port that it had, and waits until it is live. */
  async start(): Promise<void> {
    this.banner = [];
    this.log = '';
    const child = spawn(binary(), [], {
      cwd: this.options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TIDINGS_ADDR: `127.0.0.1:${this.port}`, ...this.options.env },
    });
    this.child = child;
    this.exit = new Promise((done) => {
      child.once('error', (error) => {
        this.log += `${error.message}\n`;
        done({ code: null, signal: null });
      });
      child.once('close', (code, signal) => done({ code, signal }));
    });
    child.stderr.on('data', (text: Buffer) => (this.log += text.toString()));
    const lines = createInterface({ input: child.stdout });
    const live = new Promise<boolean>((done) => {
      lines.on('line', (line) => {
        this.banner.push(line);
        if (LIVE_LINE.test(line)) done(true);
      });
    });
    const isLive = await Promise.race([live, this.exit.then(() => false)]);
    if (!isLive) throw new Error(`${binary()} did not start:\n${this.log}`);
  }

  /** Sends a signal, and waits for the process's end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (!this.child || !this.exit) throw new Error('the server was not started');
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.exit;
  }

  /** Ends it as a power cut would: no goodbye. */
  async kill(): Promise<void> {
    await this.stop('SIGKILL');
  }
}

/**
 * A port that nobody listens on, below the range from which the system takes ports of outgoing connections (32768 on
 * Linux): it is still free when the server comes back to it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    probe.listen(port, '127.0.0.1');
    const isFree = await Promise.race([
      once(probe, 'listening').then(() => true),
      once(probe, 'error').then(() => false),
    ]).catch(() => false);
    if (isFree) {
      probe.close();
      await once(probe, 'close');
      return port;
    }
  }
}
