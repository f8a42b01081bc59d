// An app that `script/test build-added` builds: somebody else's, which uses our crates.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

import { expect } from '@playwright/test';

import { Api } from './api';
import { freePort } from './server';

const TARGET = resolve(__dirname, '../../../target');

export class App {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  /** Starts one, by the name of its program and of its copy's folder, and waits until it answers. */
  static async start(program: string, folder = program): Promise<App> {
    const port = await freePort();
    const child = spawn(resolve(TARGET, 'debug', program), [], {
      stdio: 'ignore',
      env: {
        ...process.env,
        LEPTOS_SITE_ADDR: `127.0.0.1:${port}`,
        LEPTOS_SITE_ROOT: resolve(TARGET, folder, 'target/site'),
        LEPTOS_OUTPUT_NAME: program,
      },
    });
    const app = new App(`http://127.0.0.1:${port}`, child);
    const answers = () => new Api(app.url).send('/no-page').then(({ status }) => status, () => 0);
    await expect.poll(answers, { timeout: 20_000 }).toBe(404);
    return app;
  }

  async stop(): Promise<void> {
    const closed = once(this.child, 'close');
    this.child.kill();
    await closed;
  }
}
