/**
 * xterm.js under a Content-Security-Policy without 'unsafe-inline' (decision 0016).
 *
 * Two things in it are inline styles to a browser: the style elements it makes, which need the page's nonce, and the style
 * attributes that its drawing with elements sets as text, for every colour beyond the palette. It takes no nonce and has
 * no option for either, so both are met where they are made. Neither lets anything pass that stands in markup.
 */

/** Do something during which this page's scripts make style elements that carry the nonce. */
export function withNonce(nonce: string, make: () => void): void {
  const createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
    const element = Document.prototype.createElement.call(document, name, options);
    if (element instanceof HTMLStyleElement) element.nonce = nonce;
    return element;
  };
  Object.defineProperty(document, "createElement", { value: createElement, configurable: true });
  try {
    make();
  } finally {
    // What was defined hides the prototype's method; without it that one is there again.
    Reflect.deleteProperty(document, "createElement");
  }
}

/** From now on a script that sets the `style` attribute of a span as text sets its properties, which is no inline style. */
export function permitSpanStyles(): void {
  Object.defineProperty(HTMLSpanElement.prototype, "setAttribute", {
    value: setAttribute,
    configurable: true,
  });
}

function setAttribute(this: HTMLSpanElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}
