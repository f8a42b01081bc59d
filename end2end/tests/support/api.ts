// The server as programs see it: requests exactly as written, with no browser's headers.

import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Sent {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** The body as JSON; throws where it is none. */
  json<T = unknown>(): T;
}

/** What `GET /api/topics/…` answers. */
export interface TopicBody<T> {
  topic: string;
  kind: string;
  cursor: string;
  items: { version: string; ms: number; data: T }[];
}

const MESSAGES = '/api/topics/demo/messages';

export class Api {
  constructor(readonly url: string) {}

  /** Sends a request with this path as it stands: nothing is normalized or escaped. */
  async send(path: string, { method, headers = {}, body }: Sent = {}): Promise<Answer> {
    const { hostname, port } = new URL(this.url);
    const response = await new Promise<IncomingMessage>((done, failed) => {
      const asked = request({ hostname, port, path, method: method ?? (body === undefined ? 'GET' : 'POST'), headers });
      asked.once('response', done);
      asked.once('error', failed);
      asked.end(body);
    });
    const answer = await text(response);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: answer,
      json: () => JSON.parse(answer),
    };
  }

  /** Posts JSON, as `curl -d … -H 'content-type: application/json'` does. */
  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
  }

  /** Publishes a message. */
  async say(message: string): Promise<void> {
    const answer = await this.post(MESSAGES, { text: message });
    if (answer.status !== 200) throw new Error(`not published: ${answer.status} ${answer.body}`);
  }

  /** The messages that the server keeps, oldest first. */
  async messages(): Promise<string[]> {
    const topic = (await this.send(MESSAGES)).json<TopicBody<{ text: string }>>();
    return topic.items.map((item) => item.data.text);
  }

  /** The node's name. */
  async node(): Promise<string> {
    return (await this.send('/healthz')).json<{ node: string }>().node;
  }

  /** The counter's number. */
  async counter(): Promise<number> {
    const topic = (await this.send(`/api/topics/node/${await this.node()}/counter`)).json<TopicBody<number>>();
    return topic.items.at(-1)?.data ?? 0;
  }

  /** Adds one to the counter; gives back what it is then. */
  async addOne(): Promise<number> {
    const answer = await this.send('/fn/add_one', { method: 'POST' });
    if (answer.status !== 200) throw new Error(`not added: ${answer.status} ${answer.body}`);
    return answer.json<number>();
  }
}

/** A message that no other test has written. */
export function unique(text: string): string {
  return `${text} ${Math.random().toString(36).slice(2, 10)}`;
}

/** Whole numbers as the page writes them. */
export function thousands(number: number): string {
  return number.toLocaleString('en-US');
}
