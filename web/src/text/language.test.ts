import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import { faultOf } from "../console/faults";
import { ago, english, full, list, number, t } from ".";
import { fill, inWordsOf, type Message, type Messages } from "./catalogue";
import { french } from "./fr";
import { bestOf, LOCALES, locale } from "./language";
import { dutch } from "./nl";
import { chooseLanguage, speak } from "./speak";

beforeEach(() => chooseLanguage("en"));
afterEach(() => vi.unstubAllGlobals());

/** Texts that are the same as in English; any other that is has been forgotten. */
const SAME: Readonly<Record<string, readonly string[]>> = {
  fr: [
    "API",
    "Actions",
    "Cause",
    "Client",
    "Clients",
    "Code",
    "Console",
    "Ctrl+F6",
    "Ctrl+]",
    "Description",
    "GRUB",
    "Images",
    "KVM",
    "Linux",
    "Machines",
    "Mode",
    "Notifications",
    "Outofband",
    "Outofband {version}",
    "Port",
    "SAC",
    "SSH",
    "Script",
    "Secret",
    "Secrets",
    "Shell",
    "Sockets",
    "Source",
    "Windows",
    "oob",
    "qemu, image {name}",
    "unix, socket {name}",
    "{cols} × {rows}",
    "{count} machine",
    "{count} machines",
    "{group} ({subscription})",
    "{ms} ms",
    "{name}",
    "{name} ({count})",
    "{name} | {page}",
    "{name}@{domain}",
    "{page} - Outofband",
  ],
  nl: [
    "API",
    "Bytes",
    "Client",
    "Clients",
    "Code",
    "Console",
    "Ctrl+F6",
    "Ctrl+]",
    "Details",
    "Firmware",
    "GRUB",
    "Hardware",
    "Host",
    "KVM",
    "Later",
    "Linux",
    "Machines",
    "Model",
    "Open consoles",
    "Outofband",
    "Outofband {version}",
    "Passkey",
    "Processor",
    "Protocol",
    "SAC",
    "SSH",
    "Script",
    "Shell",
    "Sockets",
    "Tags",
    "Tenant: {name}",
    "Variant",
    "Windows",
    "oob",
    "passkey",
    "simulator",
    "unix, socket {name}",
    "{cols} × {rows}",
    "{count} byte",
    "{count} bytes",
    "{count} machine",
    "{count} machines",
    "{deed}: {observed}",
    "{facet}: {values}",
    "{group} ({subscription})",
    "{ms} ms",
    "{name}",
    "{name} (header)",
    "{name} (query)",
    "{name} ({count})",
    "{name} | {page}",
    "{name}@{domain}",
    "{page} - Outofband",
    "{size} GiB",
    "{size} MiB",
    "{what}: {name}?",
    "{what}: {observed}",
    "{what}: {why}",
    "{when}, offset {offset}",
  ],
};

const LANGUAGES: readonly (readonly [string, Readonly<Record<string, Messages>>])[] = [
  ["fr", french],
  ["nl", dutch],
];

describe("the language that is spoken", () => {
  it("is the first of the browser's that there are texts in", () => {
    expect(bestOf(["de-AT", "nl-BE", "fr"])).toBe("nl");
    expect(bestOf(["FR-ca"])).toBe("fr");
    expect(bestOf(["ja"])).toBe("en");
    expect(bestOf([])).toBe("en");
  });

  it("is a person's choice before the browser's; it is remembered, and the document told", async () => {
    await chooseLanguage("fr");
    expect(locale()).toBe("fr");
    expect(document.documentElement.lang).toBe("fr");
    expect(localStorage.getItem("oob.language")).toBe("fr");
    expect(t("common.retry")).toBe("Réessayer");
    await chooseLanguage("en");
    expect(document.documentElement.lang).toBe("en");
    expect(t("common.retry")).toBe("Try again");
  });

  it("is the last one chosen, whichever comes first", async () => {
    const first = chooseLanguage("fr");
    const last = chooseLanguage("nl");
    await Promise.all([first, last]);
    expect(locale()).toBe("nl");
    await speak();
    expect(locale()).toBe("nl");
  });

  it("is how dates, numbers and lists are written", async () => {
    const now = new Date("2026-01-02T03:04:05Z");
    const said = async (choice: (typeof LOCALES)[number]): Promise<string[]> => {
      await chooseLanguage(choice);
      return [ago("2026-01-02T03:01:05Z", now), list(["a", "b"], "c"), number(1234.5), full(now).slice(0, 5)];
    };
    expect(await said("fr")).toEqual(["il y a 3 minutes", "a, b et c", "1\u202f234,5", "2 jan"]);
    expect(await said("nl")).toEqual(["3 minuten geleden", "a, b en c", "1.234,5", "2 jan"]);
    expect((await said("en"))[0]).toBe("3 minutes ago");
  });

  it("takes a person's own region where the browser names one", async () => {
    vi.stubGlobal("navigator", { languages: ["fr-CH", "en-GB"] });
    await chooseLanguage("fr");
    expect(number(1234.5)).toBe(new Intl.NumberFormat("fr-CH").format(1234.5));
    await chooseLanguage("en");
    expect(list(["a", "b"], "c")).toBe("a, b and c");
  });

  it("tells errors and their buttons; what can be done is the same", async () => {
    const told: { message: string; action: string | undefined; label: string }[] = [];
    for (const each of LOCALES) {
      await chooseLanguage(each);
      const { message, action } = faultOf("VmNotRunning", { vm: "web1", power: "stopped" });
      told.push({ message, action, label: t("console.startAction", { name: "web1" }) });
    }
    expect(new Set(told.map((each) => each.message)).size).toBe(3);
    expect(told.map((each) => each.action)).toEqual(["start-vm", "start-vm", "start-vm"]);
    expect(told.map((each) => each.label)).toEqual(["Start web1", "Démarrer web1", "web1 starten"]);
  });
});

const forms = (message: Message): readonly string[] =>
  typeof message === "string" ? [message] : Object.values(message);
const places = (message: Message): string[] =>
  [...new Set(forms(message).flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort();

describe.each(LANGUAGES)("the texts in %s", (language, words) => {
  const areas = Object.entries(english as Readonly<Record<string, Messages>>);

  it("are there for every key of English, and for no other", () => {
    expect(Object.keys(words).sort()).toEqual(areas.map(([area]) => area).sort());
    for (const [area, messages] of areas) {
      expect(Object.keys(words[area] ?? {}), area).toEqual(Object.keys(messages));
    }
  });

  it("have the placeholders of the English ones, and plural forms where it has them", () => {
    for (const [area, messages] of areas) {
      for (const [key, message] of Object.entries(messages)) {
        const own = words[area]?.[key] ?? "";
        expect(places(own), `${area}.${key}`).toEqual(places(message));
        expect(typeof own, `${area}.${key}`).toBe(typeof message);
      }
    }
  });

  it("are not the English ones, but for words that both have", () => {
    const same = areas.flatMap(([area, messages]) =>
      Object.entries(messages).flatMap(([key, message]) =>
        forms(words[area]?.[key] ?? "").filter((form) => forms(message).includes(form)),
      ),
    );
    expect([...new Set(same)].sort()).toEqual(SAME[language]);
  });

  it("say one and several of something as the language does", () => {
    for (const [area, messages] of Object.entries(words)) {
      for (const [key, message] of Object.entries(messages)) {
        if (typeof message === "string") continue;
        expect(message.one, `${area}.${key}`).toBeDefined();
        expect(fill(message, { count: 1 }, language), `${area}.${key}`).toBe(
          fill(message.one ?? "", { count: 1 }, language),
        );
      }
    }
  });
});

test("the compiler tells what is missing, superfluous or of another form", () => {
  const words = inWordsOf<{ readonly hello: "Hello {name}"; readonly bye: "Bye" }>();
  words({ hello: "Bonjour {name}", bye: "Au revoir" });
  // @ts-expect-error: a key is missing
  words({ hello: "Bonjour {name}" });
  // @ts-expect-error: English has no such key
  words({ hello: "Bonjour {name}", bye: "Au revoir", more: "Encore" });
  // @ts-expect-error: English has no such placeholder
  words({ hello: "Bonjour {name} {title}", bye: "Au revoir" });
  // @ts-expect-error: a placeholder is missing
  words({ hello: "Bonjour", bye: "Au revoir" });
});
