// A room of the chat, as a guest sees it.

import { expect, type Locator, type Page } from '@playwright/test';

import { Api, type Answer } from './api';
import { Home } from './home';

/** Where a form of the chat goes. */
export const SAY_IN = /\/fn\/say_in$/;
export const BE_CALLED = /\/fn\/be_called$/;

/** What `GET /api/presence/…` answers. */
export interface PresenceBody {
  topic: string;
  keys: number;
  entries: { key: string; id: string; meta: { name: string; typing: boolean; away: boolean; node?: string }; fading?: boolean }[];
}

/** A room that no other test uses. */
export function newRoom(): string {
  return `r-${Math.random().toString(36).slice(2, 10)}`;
}

export class Room {
  readonly home: Home;
  readonly lines: Locator;
  readonly marks: Locator;
  readonly people: Locator;
  readonly typing: Locator;
  readonly text: Locator;
  readonly error: Locator;
  readonly name: Locator;
  readonly nameError: Locator;

  constructor(
    readonly page: Page,
    readonly room: string,
    private readonly url = '',
  ) {
    this.home = new Home(page);
    this.lines = page.locator('#chat .chat-text');
    this.marks = page.locator('#chat .log-mark');
    this.people = page.locator('#who .person');
    this.typing = page.locator('.typing');
    this.text = page.getByLabel('Say something');
    this.error = page.locator('#chat-error');
    this.name = page.getByLabel('You are called');
    this.nameError = page.locator('#me-error');
  }

  /** Goes there; the page is parsed then, and nothing more. */
  async open(): Promise<this> {
    await this.home.open(`${this.url}/chat/${this.room}`);
    return this;
  }

  /** Goes there, and waits until the guest stands in its own list. */
  async openLive(): Promise<this> {
    await this.open();
    return this.here();
  }

  async here(): Promise<this> {
    await this.home.live();
    await expect(this.page.locator('#who .person[data-me]')).toHaveCount(1);
    return this;
  }

  person(name: string): Locator {
    return this.people.filter({ has: this.page.getByText(name, { exact: true }) });
  }

  /** The guest's own name. */
  async me(): Promise<string> {
    return (await this.page.locator('#who .person[data-me] .person-name').textContent()) ?? '';
  }

  async names(): Promise<string[]> {
    return (await this.people.locator('.person-name').allTextContents()).sort();
  }

  async beCalled(name: string): Promise<void> {
    await this.name.fill(name);
    await this.page.getByRole('button', { name: 'Save' }).click();
  }

  async say(text: string): Promise<void> {
    await this.text.fill(text);
    await this.page.getByRole('button', { name: 'Say', exact: true }).click();
  }

  /** From now on, keeps which people left the list and which came, by name. */
  async keepMoves(): Promise<void> {
    await this.page.evaluate(() => {
      const moves: string[] = [];
      Object.assign(window, { moves });
      const name = (node: Node) => (node as Element).querySelector('.person-name')?.textContent ?? '';
      const people = document.querySelector('#who .people')!;
      new MutationObserver((records) => {
        for (const record of records) {
          record.addedNodes.forEach((node) => node instanceof Element && moves.push(`+ ${name(node)}`));
          record.removedNodes.forEach((node) => node instanceof Element && moves.push(`- ${name(node)}`));
        }
      }).observe(people, { childList: true });
    });
  }

  async moves(): Promise<string[]> {
    return this.page.evaluate(() => (window as unknown as { moves: string[] }).moves);
  }
}

/** A guest without a browser: it has its cookie, and posts as the form does. */
export class Speaker {
  private constructor(
    private readonly api: Api,
    private readonly cookie: string,
  ) {}

  static async of(api: Api): Promise<Speaker> {
    const page = await api.send('/chat/lobby', { headers: { accept: 'text/html' } });
    const cookie = page.headers['set-cookie']?.find((cookie) => cookie.startsWith('tidings_guest='));
    if (!cookie) throw new Error('no cookie for a new guest');
    return new Speaker(api, cookie.split(';')[0]!);
  }

  say(room: string, text: string): Promise<Answer> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json', cookie: this.cookie };
    return this.api.send('/fn/say_in', { method: 'POST', headers, body: new URLSearchParams({ room, text }).toString() });
  }
}

/** So many lines, by as many guests as that takes. */
export async function sayMany(api: Api, room: string, count: number): Promise<void> {
  for (let said = 0, speaker: Speaker | undefined; said < count; said++) {
    if (said % 10 === 0) speaker = await Speaker.of(api);
    const answer = await speaker!.say(room, `line ${said}`);
    if (answer.status !== 200) throw new Error(`not said: ${answer.status} ${answer.body}`);
  }
}

export async function presence(api: Api, topic: string): Promise<PresenceBody> {
  return (await api.send(`/api/presence/${topic}`)).json<PresenceBody>();
}
