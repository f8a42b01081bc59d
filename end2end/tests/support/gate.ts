// A gate: requests of a page to a URL wait before it until it is opened.

import type { Page, Request, Route } from '@playwright/test';

export class Gate {
  private readonly waiting: Route[] = [];
  private readonly arrived: ((request: Request) => void)[] = [];
  private isOpen = false;

  private constructor(private readonly first: Promise<Request>) {}

  /** Closes the way to a URL. */
  static async at(page: Page, url: string | RegExp): Promise<Gate> {
    let arrive: (request: Request) => void = () => {};
    const gate = new Gate(new Promise((done) => (arrive = done)));
    gate.arrived.push(arrive);
    await page.route(url, async (route) => {
      gate.arrived.forEach((tell) => tell(route.request()));
      if (gate.isOpen) await route.continue();
      else gate.waiting.push(route);
    });
    return gate;
  }

  /** The first request that came to the gate. */
  async reached(): Promise<Request> {
    return this.first;
  }

  /** Lets all through that wait, and all that come. */
  async open(): Promise<void> {
    this.isOpen = true;
    await Promise.all(this.waiting.splice(0).map((route) => route.continue()));
  }
}

/** The page's stream. */
export const STREAM = /\/_tidings\/live$/;
/** The app's wasm. */
export const WASM = /\/pkg\/.*\.wasm$/;
