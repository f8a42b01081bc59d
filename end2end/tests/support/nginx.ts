// nginx between browser and server, with what its configuration has by default.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { freePort } from './server';

/** One `proxy_pass`, and nothing else. */
const DEFAULTS = `
server {
  listen 80;
  listen 443 ssl http2;
  location / {
    proxy_pass http://127.0.0.1:3000;
  }
}`;

/** What is around the servers. That it compresses is what Debian's own file says; all else is nginx's default. */
const AROUND = (folder: string, servers: string) => `
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
  ${servers}
}
`;

/** The lines that the README of tidings-axum gives. */
export function linesOfReadme(): string {
  const readme = readFileSync(join(__dirname, '../../../crates/tidings-axum/README.md'), 'utf8');
  return /```nginx\n(.*?)```/s.exec(readme)![1]!;
}

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

  /** Starts one in front of a server, and waits until it listens. Ports in its lines are replaced by those of the test. */
  static async start(target: string, lines = DEFAULTS): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), 'tidings-nginx-'));
    const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes'];
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, ...files], { stdio: 'ignore' });
    const [plain, secure] = [await freePort(), await freePort()];
    const servers = lines
      .replace(/listen 80;/, `listen 127.0.0.1:${plain};`)
      .replace(/listen 443 /, `listen 127.0.0.1:${secure} `)
      .replace(/127\.0\.0\.1:300\d/g, new URL(target).host);
    writeFileSync(join(folder, 'nginx.conf'), AROUND(folder, servers));
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
    await Promise.race([ended, listens(secure)]);
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
