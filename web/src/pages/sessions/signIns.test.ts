import { describe, expect, it } from "vitest";
import { methodWords, programWord } from "./signIns";

const browser = (agent: string): string => programWord({ client: null, agent });

describe("a sign-in in words", () => {
  it("names the program, or the browser by what only it says of itself", () => {
    expect(programWord({ client: { id: "1", name: "Azure CLI" }, agent: "python" })).toBe("Azure CLI");
    const chrome = "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
    expect(browser(chrome)).toBe("Chrome 140");
    expect(browser(`${chrome} Edg/141.0.0.0`)).toBe("Edge 141");
    expect(browser("Mozilla/5.0 (Macintosh) AppleWebKit/605.1 Version/18.1 Safari/605.1")).toBe("Safari 18");
    expect(browser("Mozilla/5.0 (X11; rv:144.0) Gecko/20100101 Firefox/144.0")).toBe("Firefox 144");
    expect(browser("")).toBe("A browser");
  });

  it("tells what was proved, and words that it does not know as they are", () => {
    expect(methodWords(["pwd", "otp", "mfa"])).toBe("password, app");
    expect(methodWords(["fido", "face"])).toBe("passkey, face");
  });
});
