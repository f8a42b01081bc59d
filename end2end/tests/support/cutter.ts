// A proxy between a client and the server that cuts connections off, wherever chance says.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class Cutter {
  cuts = 0;
  private healed = false;
  private silent = false;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: number,
    private readonly bytesMax: number,
    private seed: number,
  ) {
    server.on('connection', (client) => this.carry(client));
  }

  /** Cuts each connection after at most so many bytes to the client. */
  static async start(target: number, bytesMax: number, seed: number): Promise<Cutter> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Cutter(server, target, bytesMax, seed);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Lets connections live from now on. */
  heal(): void {
    this.healed = true;
  }

  /** Cuts connections again. */
  hurt(): void {
    this.healed = false;
  }

  /** Carries nothing more, and closes nothing: a network that is gone without a word. */
  silence(): void {
    this.silent = true;
    for (const socket of this.sockets) {
      socket.unpipe();
      socket.removeAllListeners('data');
      socket.pause();
    }
  }

  /** The network is back. It has forgotten the connections from before: who uses one is told. */
  speak(): void {
    this.silent = false;
    for (const socket of this.sockets) {
      socket.on('data', () => socket.destroy());
      socket.resume();
    }
  }

  stop(): void {
    this.server.close();
    this.sockets.forEach((socket) => socket.destroy());
  }

  /** Below a bound; the generator is Park and Miller's. */
  private below(bound: number): number {
    this.seed = (this.seed * 48_271) % 2_147_483_647;
    return this.seed % bound;
  }

  private carry(client: Socket): void {
    if (this.silent) {
      client.pause();
      client.on('error', () => {});
      client.on('close', () => this.sockets.delete(client));
      this.sockets.add(client);
      return;
    }
    const server = connect(this.target, '127.0.0.1');
    let left = this.below(this.bytesMax);
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        this.sockets.delete(socket);
        end();
      });
    }
    client.pipe(server);
    server.on('data', (bytes: Buffer) => {
      if (this.healed || bytes.length <= left) {
        left -= bytes.length;
        client.write(bytes);
        return;
      }
      this.cuts++;
      // The last bytes still arrive; what is behind them does not.
      client.end(bytes.subarray(0, left), end);
      server.destroy();
    });
  }
}
