// The home page, as a visitor sees it.

import { expect, type Locator, type Page, type Response } from '@playwright/test';

export class Home {
  readonly root: Locator;
  readonly pill: Pill;
  readonly counter: Counter;
  readonly vitals: Vitals;
  readonly messages: Messages;
  /** Notices over the page. */
  readonly notices: Locator;

  constructor(readonly page: Page) {
    this.root = page.locator('html');
    this.pill = new Pill(page.locator('.pill'));
    this.counter = new Counter(page.locator('#counter'));
    this.vitals = new Vitals(page.locator('#vitals'));
    this.messages = new Messages(page.locator('#messages'));
    this.notices = page.locator('.notices .notice');
  }

  /** Goes there; the page is parsed then, and nothing more. */
  async open(path = '/'): Promise<Response> {
    // `load` waits for the preload of the wasm, which some tests hold back.
    const response = await this.page.goto(path, { waitUntil: 'domcontentloaded' });
    if (!response) throw new Error('no answer to a navigation');
    return response;
  }

  /** Goes there, and waits until the page is live. */
  async openLive(): Promise<this> {
    await this.open();
    return this.live();
  }

  /** Waits until the page is taken over by its script and its stream is live. */
  async live(): Promise<this> {
    await expect(this.root).toHaveAttribute('data-live', 'ready', { timeout: 30_000 });
    return this;
  }

  /** Waits until the script has taken over, on any page. */
  async takenOver(): Promise<this> {
    await expect(this.pill.root).toHaveAttribute('style', /--turn/, { timeout: 30_000 });
    return this;
  }

  /** Waits until the script has taken over and its stream is being opened. */
  async connecting(): Promise<this> {
    await expect(this.pill.root).toHaveAttribute('data-state', 'connecting', { timeout: 30_000 });
    return this;
  }

  /** The panels of the three topics. */
  get panels(): Locator {
    return this.page.locator('.panel');
  }
}

/** The connection pill. */
export class Pill {
  readonly word: Locator;
  readonly note: Locator;

  constructor(readonly root: Locator) {
    this.word = root.locator('.pill-word');
    this.note = root.locator('.pill-note');
  }
}

class Counter {
  readonly number: Locator;
  readonly button: Locator;
  readonly error: Locator;

  constructor(readonly root: Locator) {
    this.number = root.locator('.count');
    this.button = root.getByRole('button', { name: 'Add one' });
    this.error = root.locator('.field-error');
  }
}

class Vitals {
  constructor(readonly root: Locator) {}

  figure(name: 'uptime' | 'cpu' | 'memory' | 'streams'): Locator {
    return this.root.locator(`[data-figure="${name}"] .num`).last();
  }
}

class Messages {
  /** Rows with messages, oldest first. */
  readonly texts: Locator;
  /** Rows that say that something is missing. */
  readonly marks: Locator;
  readonly input: Locator;
  readonly button: Locator;
  readonly error: Locator;

  constructor(readonly root: Locator) {
    this.texts = root.locator('.log-text');
    this.marks = root.locator('.log-mark');
    this.input = root.getByLabel('Your message');
    this.button = root.getByRole('button', { name: 'Publish' });
    this.error = root.locator('#say-error');
  }

  text(text: string): Locator {
    return this.texts.filter({ hasText: new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`) });
  }

  /** Publishes by the form. */
  async say(text: string): Promise<void> {
    await this.input.fill(text);
    await this.button.click();
  }
}
