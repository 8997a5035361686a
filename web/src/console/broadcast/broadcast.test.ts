import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it, test } from "vitest";
import { BEGINNING, type Snapshot } from "../snapshot";
import { Answer, ECHO_SECONDS } from "./answer";
import { type Obstacle, obstacleOf, READERS, type Reader } from "./checks";
import { cleaned, isPrompt, linesOf, openLineOf } from "./lines";

const READY: Snapshot = {
  ...BEGINNING,
  status: { kind: "attached", mode: "write" },
  writer: "ann",
  shows: "shell",
};
const PROMPT = "demo@demo:~$";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("a line may go to a console", () => {
  const of = (change: Partial<Snapshot>, openLine = PROMPT) =>
    obstacleOf({ snapshot: { ...READY, ...change }, openLine }, "shell");

  it("where this person types and a shell waits", () => {
    expect(of({})).toBeNull();
    expect(of({}, "root@demo:/#")).toBeNull();
    expect(of({}, "(initramfs)")).toBeNull();
  });

  it.each([
    [{ status: { kind: "connecting" } }, { kind: "notConnected" }],
    [{ status: { kind: "left" } }, { kind: "notConnected" }],
    [{ status: { kind: "catchingUp" } }, { kind: "notConnected" }],
    [
      { status: { kind: "attached", mode: "observe" }, writer: "bert" },
      { kind: "othersType", writer: "bert" },
    ],
    [{ status: { kind: "attached", mode: "observe" }, writer: null }, { kind: "onlyWatching" }],
    [{ stopped: true }, { kind: "stopped" }],
    [{ backlog: 1 }, { kind: "typing" }],
    [{ paste: { state: "paused" } as Snapshot["paste"] }, { kind: "typing" }],
    [{ shows: null }, { kind: "stateNotTold" }],
    [{ shows: "login" }, { kind: "otherState", shows: "login" }],
  ] as const)("not with %j", (change, obstacle) => {
    expect(of(change as Partial<Snapshot>)).toEqual(obstacle);
  });

  it.each(["", "top - 10:00:01 up 3 min", "demo@demo:~$ rm -rf x", "demo login:", "grub>"])(
    "not behind %j, where no shell waits",
    (openLine) => {
      expect(of({}, openLine)).toEqual({ kind: "noPrompt" });
    },
  );

  it("in the state that was asked for, of which a paste that is over is no part", () => {
    const paste = { state: "done" } as Snapshot["paste"];
    expect(
      obstacleOf({ snapshot: { ...READY, shows: "grub", paste }, openLine: "grub>" }, "grub"),
    ).toBeNull();
    expect(obstacleOf({ snapshot: READY, openLine: "grub>" }, "grub")).toEqual({
      kind: "otherState",
      shows: "shell",
    });
    expect(obstacleOf({ snapshot: { ...READY, shows: "unknown" }, openLine: "" }, "unknown")).toBeNull();
  });
});

test("lines are without what terminals obey, and without what the kernel says in between", () => {
  const raw =
    "\x1b]0;title\x07\x1b[?2004h\x1b[01;32mdemo@demo\x1b[0m:~$ [   12.345678] random: crng init done\r\n" +
    "[  99.000001] usb 1-1: new\r\n\r\n";
  expect(linesOf(cleaned(raw))).toEqual([PROMPT]);
  expect(openLineOf(cleaned(raw))).toBe(PROMPT);
  expect(openLineOf(cleaned(raw.split("\r\n", 1)[0] ?? ""))).toBe(PROMPT);
  expect(linesOf(cleaned("C:\\\x1b[5;1HPS C:\\> "))).toEqual(["C:\\", "PS C:\\>"]);
  expect(openLineOf(`price: 5$\n`)).toBe("");
  expect(openLineOf(`10 %\r100 %\n${PROMPT} \r`)).toBe(PROMPT);
});

test.each([
  ["shell", "price: 5 EUR", false],
  ["shell", "bash-5.2#", true],
  ["sac", "SAC>", true],
  ["sac", "PS C:\\Windows\\system32>", true],
  ["sac", "SAC>ch", false],
  ["sacFailed", "!SAC>", true],
  ["grub", "grub rescue>", true],
  ["login", "demo login:", true],
  ["login", "Password:", false],
  ["firmware", "Shell>", null],
] as const)("in state %s %j is a prompt: %s", (state, line, prompt) => {
  expect(isPrompt(state, line)).toBe(prompt);
});

test("every state in which something may read a line is one that a port may have", () => {
  expect(new Set(READERS).size).toBe(READERS.length);
});

describe("the answer of a console", () => {
  function answer(text = "uptime"): Answer {
    return new Answer(text, "shell", 100);
  }

  it("is its echo, its output, its prompt", () => {
    const told = answer();
    expect([told.outcome(100), told.lastLine]).toEqual(["waiting", ""]);
    told.printed(bytes("upt"), 101);
    expect(told.outcome(101)).toBe("waiting");
    told.printed(bytes("ime\r\n"), 101);
    expect([told.outcome(101), told.lastLine]).toEqual(["running", ""]);
    told.printed(bytes(" 10:00 up 3 min\r\nload é 0.1\r\n"), 101);
    expect([told.outcome(101), told.lastLine]).toEqual(["running", "load é 0.1"]);
    told.printed(bytes(`\x1b[?2004h${PROMPT} `), 101);
    expect([told.outcome(102), told.lastLine]).toEqual(["done", "load é 0.1"]);
    told.printed(bytes("later\r\n"), 101);
    expect(told.lastLine).toBe("load é 0.1");
  });

  it("may have no output, an echo that the terminal broke, and a letter in two pieces", () => {
    const told = answer("echo a very long line");
    told.printed(bytes(`${PROMPT} echo a ve \r\x1b[Kry long \r\nline\r\n`), 101);
    const [first, ...rest] = bytes(`é\r\n${PROMPT} `);
    told.printed(Uint8Array.of(first ?? 0), 101);
    told.printed(Uint8Array.from(rest), 101);
    expect([told.outcome(101), told.lastLine]).toEqual(["done", "é"]);
  });

  it("has no prompt in its echo", () => {
    const told = answer("echo 5 $");
    told.printed(bytes("demo@demo:~$ echo 5 $"), 101);
    expect(told.outcome(101)).toBe("running");
    told.printed(bytes(`\r\n5 $x\r\n${PROMPT} `), 101);
    expect(told.outcome(101)).toBe("done");
  });

  it("that does not come is told", () => {
    const told = answer();
    expect(told.outcome(100 + ECHO_SECONDS)).toBe("notEchoed");
    told.printed(bytes("uptime\r\n"), 101);
    expect(told.outcome(100 + ECHO_SECONDS)).toBe("running");
    told.lose();
    expect(told.outcome(111)).toBe("lost");
  });

  it("is not lost with a connection that is lost later", () => {
    const told = answer();
    told.printed(bytes(`uptime\r\nup\r\n${PROMPT} `), 101);
    told.lose();
    expect(told.outcome(101)).toBe("done");
  });

  it("of any length is read to its prompt", () => {
    const told = answer();
    told.printed(bytes("uptime\r\n"), 101);
    for (let number = 0; number < 500; number++) told.printed(bytes(`${"x".repeat(200)}\r\n`), 101);
    told.printed(bytes(`end\r\n${PROMPT} `), 101);
    expect([told.outcome(101), told.lastLine]).toEqual(["done", "end"]);
  });

  it("has an end of its own where nobody knows a prompt", () => {
    const told = new Answer("q", "unknown", 0);
    told.printed(bytes("q\r\n"), 101);
    expect([told.outcome(102), told.outcome(103)]).toEqual(["running", "echoed"]);
  });
});

/** What wire/broadcast.py has to agree on. */
interface Vectors {
  lines: { output: string; lines: string[]; open: string }[];
  prompts: { state: Reader; line: string; prompt: boolean | null }[];
  checks: { look: Look; wanted: Reader; obstacle: { kind: string; about: string } | null }[];
}

interface Look {
  connected: boolean;
  may_type?: boolean;
  writer?: string;
  stopped?: boolean;
  typing?: boolean;
  shows: string;
  line: string;
}

const file = resolve(import.meta.dirname, "../../../../tests/support/broadcast_vectors.json");
const vectors: Vectors = JSON.parse(readFileSync(file, "utf8"));

function seen(look: Look): Snapshot {
  const { connected, may_type = true, writer = null, stopped = false, typing = false, shows } = look;
  const mode = may_type && writer === null ? "write" : "observe";
  const status = connected ? ({ kind: "attached", mode } as const) : ({ kind: "connecting" } as const);
  return { ...BEGINNING, status, writer, stopped, backlog: typing ? 1 : 0, shows };
}

function plain(obstacle: Obstacle | null): { kind: string; about: string } | null {
  if (obstacle === null) return null;
  const { kind, ...rest } = obstacle;
  return { kind, about: Object.values(rest).join("") };
}

test("the terminal's broadcast reads lines and prompts as this one does", () => {
  for (const { output, lines, open } of vectors.lines) {
    expect([output, linesOf(cleaned(output)), openLineOf(cleaned(output))]).toEqual([output, lines, open]);
  }
  for (const { state, line, prompt } of vectors.prompts) {
    expect([state, line, isPrompt(state, line)]).toEqual([state, line, prompt]);
  }
});

test("the terminal's broadcast leaves out what this one does", () => {
  for (const { look, wanted, obstacle } of vectors.checks) {
    const found = obstacleOf({ snapshot: seen(look), openLine: look.line }, wanted);
    expect([look, plain(found)]).toEqual([look, obstacle]);
  }
});
