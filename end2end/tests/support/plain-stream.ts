// A plain stream, as curl or any SSE client reads it.

import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, get } from 'node:http';

export interface SseEvent {
  name: string;
  id: string;
  data: string;
}

/** A message with the cursor that it carried. */
export interface StreamMessage<T> {
  id: string;
  topic: string;
  data: T;
}

export class PlainStream {
  readonly events: SseEvent[] = [];
  /** Resolves when the server has ended the stream as it should; rejects where it was cut off. */
  readonly ended: Promise<void>;
  private rest = '';
  private tell: () => void = () => {};

  private constructor(
    private readonly asked: ClientRequest,
    private readonly response: IncomingMessage,
  ) {
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.read(text));
    this.ended = new Promise((done, failed) => {
      response.once('end', done);
      response.once('error', failed);
    });
    // Whoever wants to know waits for it; nobody else has to hear of a stream that we closed ourselves.
    this.ended.catch(() => {});
  }

  /** What the answer began with. */
  get headers(): IncomingHttpHeaders {
    return this.response.headers;
  }

  /** Opens a stream, and waits until it says hello. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<PlainStream> {
    const stream = await new Promise<PlainStream>((done, failed) => {
      // No agent: each stream has a connection of its own.
      const asked = get(url, { headers, agent: false }, (response) => {
        if (response.statusCode === 200) done(new PlainStream(asked, response));
        else failed(new Error(`${url}: ${response.statusCode}`));
      });
      asked.once('error', failed);
    });
    await stream.until(() => stream.events.some((event) => event.name === 'hello'));
    return stream;
  }

  /** The messages so far, once there are at least so many. */
  async messages<T>(atLeast: number): Promise<StreamMessage<T>[]> {
    const messages = () => this.events.filter((event) => event.name === 'message' && event.data !== '');
    await this.until(() => messages().length >= atLeast);
    return messages().map((event) => ({ id: event.id, ...JSON.parse(event.data) }));
  }

  /** Stays, and reads no more. */
  pause(): void {
    this.response.pause();
  }

  /** Goes away. */
  close(): void {
    this.asked.destroy();
  }

  private async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((done) => (this.tell = done));
  }

  private read(text: string): void {
    this.rest += text;
    const blocks = this.rest.split('\n\n');
    this.rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = block.split('\n').map((line) => line.split(/: ?(.*)/s, 2));
      const field = (name: string) => fields.filter(([key]) => key === name).map(([, value]) => value ?? '');
      this.events.push({
        name: field('event').at(-1) ?? 'message',
        id: field('id').at(-1) ?? '',
        data: field('data').join('\n'),
      });
    }
    this.tell();
  }
}
