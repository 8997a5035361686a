import { afterEach, describe, expect, it } from "vitest";
import { meaning } from "./keys";

afterEach(() => document.body.replaceChildren());

function press(place: Element | null, key: string, init: KeyboardEventInit = {}): ReturnType<typeof meaning> {
  let found: ReturnType<typeof meaning>;
  const listen = (event: KeyboardEvent): void => {
    found = meaning(event);
  };
  document.addEventListener("keydown", listen);
  (place ?? document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...init }));
  document.removeEventListener("keydown", listen);
  return found;
}

function add(html: string): Element | null {
  document.body.innerHTML = html;
  return document.body.querySelector("[data-here]");
}

describe("hotkeys", () => {
  it.each([
    ["/", {}, "search"],
    ["k", { ctrlKey: true }, "search"],
    ["K", { metaKey: true }, "search"],
    ["?", { shiftKey: true }, "help"],
    ["k", {}, undefined],
    ["k", { ctrlKey: true, shiftKey: true }, undefined],
    ["/", { ctrlKey: true }, undefined],
  ])("%s with %o means %s", (key, init, expected) => {
    expect(press(null, key, init)).toBe(expected);
  });

  it("leave the letters to who types, but not Ctrl+K", () => {
    const box = add("<input data-here>");
    expect(press(box, "/")).toBeUndefined();
    expect(press(box, "?")).toBeUndefined();
    expect(press(box, "k", { ctrlKey: true })).toBe("search");
  });

  it("leave everything to a guest's terminal", () => {
    const terminal = add('<div class="xterm"><textarea data-here></textarea></div>');
    expect(press(terminal, "k", { ctrlKey: true })).toBeUndefined();
    expect(press(terminal, "/")).toBeUndefined();
  });

  it("open nothing over a dialog", () => {
    expect(press(add('<div aria-modal="true"><button data-here></button></div>'), "/")).toBeUndefined();
  });
});
