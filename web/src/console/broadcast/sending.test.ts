/** Several consoles in memory: what is typed at which, and what is told of each afterwards. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { setSession } from "../../api/session";
import { Stage } from "../farSide";
import { Seat } from "../seat";
import { Broadcast, lookAt } from "./broadcast";

const PROMPT = "demo@demo:~$ ";
let houses = 0;
let stages: Stage[] = [];
let seats: Seat[] = [];

beforeEach(async () => {
  vi.stubGlobal("fetch", async () => new Response("{}", { status: 403 }));
  setSession({ token: async () => "token", signIn: () => new Promise(() => {}) });
  houses += 1;
  stages = ["a", "b", "c"].map((name) => new Stage(`broadcast-${houses}-${name}:8444`));
  seats = stages.map(
    (stage, number) => new Seat({ id: `/vm/${number}`, name: `vm${number}` }, "write", stage),
  );
  for (const seat of seats) seat.connection.start();
  await vi.waitFor(() => {
    for (const stage of stages) expect(stage.sides.length).toBe(1);
  });
  for (const { side } of stages) {
    side.attach();
    side.tell("state", { state: "shell" });
    side.print(0, `\r\n${PROMPT}`);
  }
});

afterEach(() => {
  for (const seat of seats) seat.close();
  setSession(undefined);
  vi.unstubAllGlobals();
});

function typed(): string[] {
  return stages.map((stage) => stage.side.typed);
}

test("each is looked at before, and those that are ready get the line", () => {
  stages[1]?.side.tell("state", { state: "login" });
  stages[2]?.side.tell("writer", { writer: "bert" });
  const before = seats.map((seat) => lookAt(seat, "shell"));
  expect(before[0]).toEqual({ obstacle: null, lastLine: PROMPT.trim() });
  expect(before[1]?.obstacle).toEqual({ kind: "otherState", shows: "login" });

  const sent = new Broadcast(seats.slice(0, 2), "uptime", "shell", () => 0);
  expect(typed()).toEqual(["uptime\r", "", ""]);
  expect(seats.map((seat) => sent.after(seat, 1))).toEqual([
    { kind: "typed", outcome: "waiting", lastLine: "" },
    { kind: "leftOut", obstacle: { kind: "otherState", shows: "login" } },
    null,
  ]);
  expect(sent.counts(1)).toEqual({ chosen: 2, typed: 1, done: 0, bad: 0 });
  sent.close();
});

test("nothing goes to one that changed between the look and the sending", () => {
  expect(lookAt(seats[0] as Seat, "shell").obstacle).toBeNull();
  stages[0]?.side.print(20, "sleep 9\r\n");
  const sent = new Broadcast(seats.slice(0, 1), "uptime", "shell", () => 0);
  expect(typed()[0]).toBe("");
  expect(sent.after(seats[0] as Seat, 1)).toEqual({ kind: "leftOut", obstacle: { kind: "noPrompt" } });
});

test("what each answers is told apart, one that another person took too", async () => {
  const sent = new Broadcast(seats, "hostname", "shell", () => 0);
  stages[0]?.side.print(16, `hostname\r\nweb1\r\n${PROMPT}`);
  stages[1]?.side.print(16, "hostname\r\n");
  stages[1]?.side.close("TakenOver", { fields: { by: "bert", at: "2026-11-25T03:00:00Z" } });
  await vi.waitFor(() => expect(seats[1]?.connection.store.get().status.kind).toBe("ended"));
  expect(seats.map((seat) => sent.after(seat, 11))).toEqual([
    { kind: "typed", outcome: "done", lastLine: "web1" },
    { kind: "typed", outcome: "lost", lastLine: "" },
    { kind: "typed", outcome: "notEchoed", lastLine: "" },
  ]);
  expect(sent.counts(11)).toEqual({ chosen: 3, typed: 3, done: 1, bad: 2 });
  sent.close();
  stages[2]?.side.print(16, `hostname\r\nweb3\r\n${PROMPT}`);
  expect(sent.after(seats[2] as Seat, 12)).toMatchObject({ outcome: "notEchoed" });
});
