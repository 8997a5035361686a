import { afterEach, expect, test } from "vitest";
import { faultOf } from "../console/faults";
import { t } from ".";
import { common } from "./en/common";
import { consoles } from "./en/console";
import { french } from "./fr";
import { bestOf, chooseLanguage, locale } from "./language";
import { dutch } from "./nl";

afterEach(() => chooseLanguage("en"));

test("the first language that there are texts in is spoken", () => {
  expect(bestOf(["de-AT", "nl-BE", "fr"])).toBe("nl");
  expect(bestOf(["FR-ca"])).toBe("fr");
  expect(bestOf(["ja"])).toBe("en");
  expect(bestOf([])).toBe("en");
});

test("a person's choice goes before the browser's, and is remembered", () => {
  chooseLanguage("fr");
  expect(locale()).toBe("fr");
  expect(localStorage.getItem("oob.language")).toBe("fr");
});

test("errors and their buttons are told in it; what can be done is the same", () => {
  const told = (["en", "fr", "nl"] as const).map((each) => {
    chooseLanguage(each);
    const fault = faultOf("VmNotRunning", { vm: "web1", power: "stopped" });
    return {
      message: fault.message,
      action: fault.action,
      label: t("console.startAction", { name: "web1" }),
    };
  });
  expect(new Set(told.map((each) => each.message)).size).toBe(3);
  expect(told.map((each) => each.action)).toEqual(["start-vm", "start-vm", "start-vm"]);
  expect(told.map((each) => each.label)).toEqual(["Start web1", "Démarrer web1", "web1 starten"]);
});

test("every text takes what the English one takes", () => {
  const fields = (text: string): string[] =>
    [...text.matchAll(/\{(\w+)\}/g)].map((each) => String(each[1])).sort();
  for (const words of [french, dutch]) {
    for (const [area, english] of [
      ["console", consoles],
      ["common", common],
    ] as const) {
      for (const [key, text] of Object.entries(words[area])) {
        const original = (english as Readonly<Record<string, unknown>>)[key];
        expect(typeof original, key).toBe("string");
        expect(fields(text), key).toEqual(fields(String(original)));
      }
    }
  }
});
