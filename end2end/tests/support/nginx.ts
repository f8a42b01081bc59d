// nginx between browser and server, with what its configuration has by default.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { freePort } from './server';

/** The whole of what nginx is told. That it compresses is what Debian's own file says; all else is nginx's default. */
const CONFIG = (folder: string, plain: number, secure: number, target: string) => `
daemon off;
pid ${folder}/pid;
error_log stderr;
events {}
http {
  access_log off;
  gzip on;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ssl_certificate ${folder}/cert.pem;
  ssl_certificate_key ${folder}/key.pem;
  server {
    listen 127.0.0.1:${plain};
    listen 127.0.0.1:${secure} ssl http2;
    location / {
      proxy_pass ${target};
    }
  }
}
`;

export class Nginx {
  log = '';

  private constructor(
    readonly plain: string,
    readonly secure: string,
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {
    child.stderr?.on('data', (text: Buffer) => (this.log += text.toString()));
  }

  /** Starts one in front of a server, and waits until it listens. */
  static async start(target: string): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), 'tidings-nginx-'));
    const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes'];
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, ...files], { stdio: 'ignore' });
    const [plain, secure] = [await freePort(), await freePort()];
    writeFileSync(join(folder, 'nginx.conf'), CONFIG(folder, plain, secure, target));
    // Debian keeps it where only root's PATH leads.
    const path = `${process.env['PATH'] ?? ''}:/usr/sbin`;
    const child = spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', 'nginx.conf'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, PATH: path },
    });
    const nginx = new Nginx(`http://127.0.0.1:${plain}`, `https://localhost:${secure}`, folder, child);
    const ended = new Promise<never>((_, failed) => {
      child.once('error', failed);
      child.once('close', () => failed(new Error(`nginx did not start:\n${nginx.log}`)));
    });
    ended.catch(() => {});
    await Promise.race([ended, listens(plain)]);
    return nginx;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const closed = once(this.child, 'close');
      this.child.kill('SIGTERM');
      await closed;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function listens(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    await delay(20);
  }
}
