// Watches browser contexts: whatever goes wrong in them fails the test, unless the test said that it will.

import type { BrowserContext } from '@playwright/test';

/** Characters of a problem that are shown: an address may be as long as a book. */
const SAYS_MAX = 500;

interface Expectation {
  what: 'request' | 'console';
  pattern: RegExp;
  reason: string;
  /** It may also not happen. */
  maybe: boolean;
  times: number;
}

interface Problem {
  what: 'request' | 'console' | 'error';
  /** The URL of a request; of a console message its URL and its text. */
  subject: string;
  says: string;
}

export class Watch {
  private readonly problems: Problem[] = [];
  private readonly expectations: Expectation[] = [];
  private isOver = false;

  /** A request to this URL will fail, or be answered with 400 or more; why that is right. */
  expectFailure(url: RegExp, reason: string, { maybe = false } = {}): void {
    this.expectations.push({ what: 'request', pattern: url, reason, maybe, times: 0 });
  }

  /** The console will show an error or a warning with this text; why that is right. */
  expectConsole(text: RegExp, reason: string, { maybe = false } = {}): void {
    this.expectations.push({ what: 'console', pattern: text, reason, maybe, times: 0 });
  }

  /** Watches all pages of a context, from now on. */
  follow(context: BrowserContext): void {
    context.on('weberror', (web) => this.note('error', '', `uncaught: ${web.error().stack ?? web.error().message}`));
    context.on('console', (message) => {
      const [type, url] = [message.type(), message.location().url];
      if (type !== 'error' && type !== 'warning') return;
      // Chromium repeats in the console what happened to a request: the same fault, found by its URL.
      const what = message.text().startsWith('Failed to load resource') ? 'request' : 'console';
      this.note(what, what === 'request' ? url : message.text(), `console ${type}: ${message.text()} (${url})`);
    });
    context.on('requestfailed', (request) => {
      const why = request.failure()?.errorText ?? 'no reason given';
      this.note('request', request.url(), `${request.method()} ${request.url()} failed: ${why}`);
    });
    context.on('response', (response) => {
      if (response.status() < 400) return;
      this.note('request', response.url(), `${response.status()} for ${response.url()}`);
    });
  }

  private note(what: Problem['what'], subject: string, says: string): void {
    if (!this.isOver) this.problems.push({ what, subject, says: says.slice(0, SAYS_MAX) });
  }

  /** The test is over: what the closing of its pages cuts off is not a failure. */
  end(): void {
    this.isOver = true;
  }

  /** What happened and was not expected, and what was expected and did not happen. */
  verdict(): string[] {
    const found = this.problems.filter(({ what, subject }) => {
      const fits = this.expectations.filter((each) => each.what === what && each.pattern.test(subject));
      fits.forEach((each) => each.times++);
      return fits.length === 0;
    });
    const missing = this.expectations.filter((each) => each.times === 0 && !each.maybe);
    return [
      ...found.map((problem) => problem.says),
      ...missing.map((each) => `expected and not seen: ${each.what} ${each.pattern} (${each.reason})`),
    ];
  }
}
