// The page of a board, as a visitor sees it.

import { expect, type Locator, type Page } from '@playwright/test';

import type { Api, TopicBody } from './api';
import { Home } from './home';

/** Where a page's writes go. */
export const PUBLISH = /\/_tidings\/publish$/;
/** Where a page says what it holds from now on. */
export const CHANGE = /\/_tidings\/change$/;

export type Column = 'todo' | 'doing' | 'done';

export class Board {
  readonly home: Home;
  readonly cards: Locator;
  readonly picked: Locator;
  readonly activity: Locator;

  constructor(
    readonly page: Page,
    readonly number: number,
  ) {
    this.home = new Home(page);
    this.cards = page.locator('.card');
    this.picked = page.locator('#picked');
    this.activity = page.locator('#activity .log-row .log-text');
  }

  /** Goes there; the page is parsed then, and nothing more. */
  async open(): Promise<this> {
    await this.home.open(`/board/${this.number}`);
    return this;
  }

  async openLive(): Promise<this> {
    await this.open();
    await this.home.live();
    return this;
  }

  card(number: number): Card {
    return new Card(this.page.locator(`[data-card="${number}"]`), number);
  }

  /** The numbers of a column's cards, from above. */
  async column(name: Column): Promise<number[]> {
    const cards = this.page.locator(`[data-column="${name}"] [data-card]`);
    return (await cards.evaluateAll((all) => all.map((each) => each.getAttribute('data-card')))).map(Number);
  }

  /** Waits until the columns hold these cards, from above. */
  async stands(columns: Record<Column, number[]>): Promise<void> {
    const now = async () => ({
      todo: await this.column('todo'),
      doing: await this.column('doing'),
      done: await this.column('done'),
    });
    await expect.poll(now).toEqual(columns);
  }

  /** What is told to who cannot see it. */
  get said(): Locator {
    return this.page.locator('[data-said]');
  }

  get undo(): Locator {
    return this.page.getByRole('button', { name: 'Undo', exact: true });
  }

  figure(name: 'cards' | 'chars' | 'pending' | 'done'): Locator {
    return this.page.locator(`[data-figure="${name}"] .num`);
  }

  /** How often each title was drawn, in order. */
  async drawn(): Promise<number[]> {
    const drawn = await this.page.locator('[data-drawn]').evaluateAll((all) => all.map((each) => each.getAttribute('data-drawn')));
    return drawn.map(Number);
  }
}

export class Card {
  readonly title: Locator;
  readonly state: Locator;
  readonly error: Locator;

  constructor(
    readonly root: Locator,
    private readonly number: number,
  ) {
    this.title = root.locator('.card-title');
    this.state = root.locator('.card-state');
    this.error = root.locator('.card-error');
  }

  get grip(): Locator {
    return this.root.getByRole('button', { name: `Move card ${this.number}` });
  }

  get input(): Locator {
    return this.root.getByLabel(`Title of card ${this.number}`);
  }

  /** What somebody else has written over. */
  get loss(): Locator {
    return this.root.locator('.loss');
  }

  /** Begins to write the title. */
  async edit(): Promise<void> {
    await this.root.getByRole('button', { name: `Rename card ${this.number}` }).click();
  }

  async remove(): Promise<void> {
    await this.root.getByRole('button', { name: `Delete card ${this.number}` }).click();
  }

  async rename(title: string): Promise<void> {
    await this.edit();
    await this.input.fill(title);
    await this.root.getByRole('button', { name: 'Save' }).click();
  }

  async pick(): Promise<void> {
    await this.root.getByRole('button', { name: `Pick card ${this.number}` }).click();
  }

  /** The title is the server's, not only this page's. */
  async confirmed(title: string): Promise<void> {
    await expect(this.title).toHaveText(title);
    await expect(this.root).not.toHaveAttribute('data-pending');
  }
}

/** Gives a board cards with these titles, numbered from 1. */
export async function seed(api: Api, board: number, titles: string[]): Promise<void> {
  for (const [at, title] of titles.entries()) {
    const answer = await api.post(`/api/topics/board/${board}/card/${at + 1}/title`, title);
    if (answer.status !== 200) throw new Error(`no card: ${answer.status} ${answer.body}`);
  }
}

/** A card's title as the server has it. */
export async function titleOf(api: Api, board: number, card: number): Promise<string | undefined> {
  return (await api.send(`/api/topics/board/${board}/card/${card}/title`)).json<TopicBody<string>>().items.at(-1)?.data;
}

/** What the server has written down of a board. */
export async function activityOf(api: Api, board: number): Promise<string[]> {
  const topic = (await api.send(`/api/topics/board/${board}/activity`)).json<TopicBody<{ text: string }>>();
  return topic.items.map((item) => item.data.text);
}
