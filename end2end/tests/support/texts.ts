// Compares a page, element by element, with the HTML that the server sent for it.
//
// Hydration neither compares nor sets text: a component that computes another text than the server did shows the
// server's, and nothing complains. This is the complaint.

import type { Page } from '@playwright/test';

/** What may differ, and why. */
export interface Exception {
  /** Elements that it is about. */
  selector: string;
  /** The text of the element itself, or one of its attributes. */
  what: 'text' | `@${string}`;
  reason: string;
}

/** What the browser tells of itself, and of now. It is not in the HTML, for the server does not know it. */
export const OF_THE_BROWSER: Exception[] = [
  { selector: '.pill', what: '@data-state', reason: 'the server knows of no stream; the browser is opening one' },
  { selector: '.pill', what: '@style', reason: 'set by the script, so that the HTML holds no style attribute' },
  { selector: '.pill-word, .pill-note', what: 'text', reason: 'the words for data-state' },
  { selector: '.age', what: 'text', reason: 'ages go on with the clock' },
];

/** Differences between the page's body and this HTML; empty if there are none. */
export async function differences(page: Page, html: string, exceptions: Exception[]): Promise<string[]> {
  const rules = exceptions.map(({ selector, what }) => ({ selector, what }));
  return page.evaluate(compare, { html, rules });
}

/** Runs in the page. */
function compare({ html, rules }: { html: string; rules: { selector: string; what: string }[] }): string[] {
  const found: string[] = [];
  const isExcepted = (element: Element, what: string) =>
    rules.some((rule) => rule.what === what && element.matches(rule.selector));
  const own = (element: Element) =>
    [...element.childNodes].map((node) => (node.nodeType === Node.TEXT_NODE ? node.nodeValue : '')).join('');
  const children = (element: Element) => [...element.children].filter((child) => child.localName !== 'script');
  const name = (element: Element): string => {
    const parent = element.parentElement;
    const nth = parent && element.id === '' ? `:nth-child(${[...parent.children].indexOf(element) + 1})` : '';
    const above = parent && element.id === '' && element.localName !== 'body' ? `${name(parent)} > ` : '';
    return `${above}${element.localName}${element.id === '' ? nth : `#${element.id}`}`;
  };

  const walk = (painted: Element, shown: Element) => {
    const at = name(shown);
    if (painted.localName !== shown.localName) {
      found.push(`${at}: the server sent <${painted.localName}>`);
      return;
    }
    if (own(painted) !== own(shown) && !isExcepted(shown, 'text')) {
      found.push(`${at}: the server sent ${JSON.stringify(own(painted))}, shown is ${JSON.stringify(own(shown))}`);
    }
    for (const attribute of new Set([...painted.getAttributeNames(), ...shown.getAttributeNames()])) {
      const [sent, has] = [painted.getAttribute(attribute), shown.getAttribute(attribute)];
      if (sent !== has && !isExcepted(shown, `@${attribute}`)) {
        found.push(`${at} [${attribute}]: the server sent ${JSON.stringify(sent)}, shown is ${JSON.stringify(has)}`);
      }
    }
    const [below, here] = [children(painted), children(shown)];
    if (below.length !== here.length) {
      found.push(`${at}: the server sent ${below.length} elements in it, shown are ${here.length}`);
    }
    below.slice(0, here.length).forEach((child, nth) => walk(child, here[nth]!));
  };

  walk(new DOMParser().parseFromString(html, 'text/html').body, document.body);
  return found;
}
