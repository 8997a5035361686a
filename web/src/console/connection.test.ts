import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../api/errors";
import { ConsoleConnection, FIRST_TRIES, MAX_BACKLOG, UNOPENED_TRIES } from "./connection";
import { Stage } from "./farSide";
import { faultOf } from "./faults";
import { ANSWER_SECONDS, QUIET_SECONDS } from "./line";
import { SUBPROTOCOL } from "./protocol/early";
import { MAX_UNCONFIRMED, type Mode, type SessionEvent } from "./protocol/session";

const VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1";
let hosts = 0;

class Watcher {
  readonly events: SessionEvent[] = [];
  behind = false;
  #caughtUp: () => void = () => {};

  event(event: SessionEvent, _mode: Mode): void {
    this.events.push(event);
  }

  caughtUp(): Promise<void> {
    return new Promise((resolve) => {
      this.#caughtUp = resolve;
    });
  }

  catchUp(): void {
    this.behind = false;
    this.#caughtUp();
  }

  get shown(): string {
    const outputs = this.events.filter((event) => event.kind === "output");
    return outputs.map((event) => new TextDecoder().decode(event.payload)).join("");
  }
}

let stage: Stage;
let watcher: Watcher;
let connection: ConsoleConnection;

beforeEach(() => {
  vi.useFakeTimers();
  hosts += 1;
  stage = new Stage(`gateway-${hosts}:8444`);
  watcher = new Watcher();
  connection = new ConsoleConnection(VM, "write", watcher, stage);
  connection.start();
});

afterEach(() => {
  connection.leave();
  vi.useRealTimers();
});

async function pass(seconds: number): Promise<void> {
  stage.seconds += seconds;
  await vi.advanceTimersByTimeAsync(seconds * 1000);
}

/** Let seconds pass one by one, as the watch over a line needs it. */
async function wait(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) await pass(1);
}

function keys(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function status() {
  return connection.store.get().status;
}

test("a ticket opens a socket and is its first message", async () => {
  await pass(0);
  stage.side.open();
  expect(stage.side.first).toEqual({
    ticket: "ticket-1",
    mode: "write",
    resume: null,
    replay: 65536,
    client: "portal",
    takes: ["paste", "state"],
  });
  stage.side.tell("attached", {
    mode: "write",
    offset: 7,
    live: 7,
    input: 0,
    writer: "me",
    others: ["bert"],
    session: "5e55",
    endLogin: true,
  });
  const bert = {
    session: "be27",
    name: "bert",
    mode: "observe",
    since: "2026-11-25T03:00:00Z",
    client: "oob",
  };
  stage.side.tell("people", {
    people: [bert, { name: "of no session" }, null],
    asking: ["be27"],
    kept: null,
  });
  expect(connection.store.get()).toEqual({
    status: { kind: "attached", mode: "write" },
    me: "5e55",
    people: [bert],
    asking: ["be27"],
    endsLogin: true,
    writer: "me",
    others: ["bert"],
    backlog: 0,
    paste: null,
    stopped: false,
    shows: null,
  });
});

test("a dropped line comes back at its byte and types again what was not confirmed", async () => {
  await pass(0);
  stage.side.attach();
  stage.side.print(0, "login: ");
  connection.type(keys("root\r"));
  stage.side.send({ kind: "ack", offset: 2 });
  stage.side.drop();
  await pass(0.2);
  expect(status()).toMatchObject({ kind: "lost", fault: { code: "ConsoleUnreachable" } });
  expect(stage.asked).toEqual([null, "session-1"]);
  stage.side.open();
  expect(stage.side.first).toMatchObject({ ticket: "ticket-2", resume: 7 });
  stage.side.tell("attached", { mode: "write", offset: 7, live: 7, input: 2 });
  expect(stage.side.typed).toBe("ot\r");
  stage.side.print(7, "root");
  expect(watcher.shown).toBe("login: root");
});

test("keys typed before the computer slept are not typed when it wakes", async () => {
  await pass(0);
  stage.side.attach();
  connection.type(keys("reboot\r"));
  stage.side.drop();
  await pass(3600);
  stage.side.attach({ input: 3 });
  expect(stage.side.typed).toBe("");
  expect(watcher.events.at(-1)).toEqual({ kind: "inputDropped", count: 4 });
});

test("taken over is an end that names the taker, and the keyboard can be taken back from the next byte", async () => {
  await pass(0);
  stage.side.attach();
  stage.side.print(0, "$ ");
  stage.side.close("TakenOver", { fields: { by: "bert", at: "2026-11-25T03:00:00Z" } });
  await pass(60);
  expect(status()).toMatchObject({ kind: "ended", fault: { code: "TakenOver" } });
  expect((status() as { fault: ApiError }).fault.message).toMatch(/^bert took over this console at \d/);
  expect(stage.sides).toHaveLength(1);
  connection.startAgain("write");
  await pass(0);
  stage.side.open();
  expect(stage.asked).toEqual([null, null]);
  expect(stage.side.first).toMatchObject({ mode: "write", resume: 2 });
});

test("a refusal that may pass is met a few times before it is shown, and is waited for", async () => {
  connection.leave();
  stage.refusals = [faultOf("GatewayFull", { limit: 1 })];
  connection.startAgain("write");
  await pass(0);
  expect(status().kind).toBe("connecting");
  await pass(5);
  expect(stage.asked.length).toBeGreaterThanOrEqual(FIRST_TRIES);
  expect(status()).toMatchObject({ kind: "refused", waits: true, fault: { code: "GatewayFull" } });
  stage.refusals = [];
  await pass(15);
  stage.side.attach();
  expect(status().kind).toBe("attached");
});

test("a stopped VM is told of at once, looked at without asking for tickets, and connected when it runs", async () => {
  connection.leave();
  stage.refusals = [new ApiError({ status: 409, code: "VmNotRunning", message: "stopped" })];
  connection.startAgain("write");
  await pass(0);
  expect(status()).toMatchObject({ kind: "refused", waits: true });
  const asked = stage.asked.length;
  await pass(30);
  expect(stage.asked).toHaveLength(asked);
  stage.refusals = [];
  stage.ready = true;
  await pass(2);
  stage.side.attach();
  expect(status().kind).toBe("attached");
});

test("a right that is lacking waits for the person only", async () => {
  connection.leave();
  stage.refusals = [new ApiError({ status: 403, code: "AuthorizationFailed", message: "no" })];
  connection.startAgain("write");
  await pass(0);
  const asked = stage.asked.length;
  connection.revive();
  await pass(600);
  expect(stage.asked).toHaveLength(asked);
  expect(status()).toMatchObject({ kind: "refused", waits: false });
  connection.retry();
  await pass(0);
  expect(stage.asked).toHaveLength(asked + 1);
});

test("a gateway that stops while the ticket is shown is not the end", async () => {
  await pass(0);
  stage.side.open();
  stage.side.close("ControlPlaneStopping");
  await pass(0.2);
  stage.side.attach();
  expect(status().kind).toBe("attached");
});

test.each(["refused", "silent"] as const)(
  "a listener never reached, %s, is told of and tried until it is",
  async (reach) => {
    stage.reach = reach;
    await pass(0);
    stage.side.drop();
    await pass(0);
    expect(status()).toEqual({ kind: "unreachable", listener: stage.side.opening.url, reach });
    await pass(20);
    expect(stage.sides).toHaveLength(1);
    stage.reach = "reachable";
    connection.revive();
    await pass(0);
    expect(stage.sides).toHaveLength(2);
    stage.side.attach();
    expect(status().kind).toBe("attached");
  },
);

test("a listener that was reached before gets more time", async () => {
  stage.reach = "refused";
  await pass(0);
  stage.side.attach();
  stage.side.drop();
  for (let attempt = 1; attempt <= UNOPENED_TRIES; attempt += 1) {
    expect(status().kind).not.toBe("unreachable");
    await pass(5);
    stage.side.drop();
  }
  await pass(0);
  expect(status().kind).toBe("unreachable");
});

test("a listener that answers but opens no socket is a fault of its own", async () => {
  await pass(0);
  for (let attempt = 0; attempt < FIRST_TRIES; attempt += 1) {
    stage.side.drop();
    await pass(5);
  }
  expect(status()).toMatchObject({ kind: "refused", fault: { code: "ConsoleUnreachable" } });
  expect((status() as { fault: ApiError }).fault.message).toContain("no WebSocket gets through");
});

test("a socket that does not open in time is given up", async () => {
  stage.reach = "silent";
  await pass(0);
  await wait(15);
  expect(stage.sides[0]?.socket.closedWith).toBe(4000);
  expect(status()).toMatchObject({ kind: "unreachable", reach: "silent" });
});

test("a quiet line is asked, an answer keeps it, silence ends it", async () => {
  await pass(0);
  stage.side.attach();
  await wait(QUIET_SECONDS + 5);
  const probe = stage.side.frames.at(-1);
  expect(probe).toMatchObject({ kind: "input", offset: 0 });
  stage.side.send({ kind: "ack", offset: 0 });
  await wait(QUIET_SECONDS);
  expect(status().kind).toBe("attached");
  await wait(ANSWER_SECONDS + 10);
  expect(stage.sides[0]?.socket.closedWith).toBe(4000);
  expect(status().kind).toBe("lost");
});

test("without an agent behind the gateway nobody is asked", async () => {
  await pass(0);
  stage.side.attach();
  stage.side.tell("alarm", { code: "AgentOffline", host: "h1" });
  expect(status()).toMatchObject({ kind: "lost", fault: { code: "AgentOffline" } });
  await wait(30);
  expect(stage.side.frames).toEqual([]);
  stage.side.tell("attached", { mode: "write", offset: 0, live: 0, input: 0 });
  expect(status().kind).toBe("attached");
});

test("more output than can be shown closes the line, which goes on at its byte afterwards", async () => {
  await pass(0);
  stage.side.attach();
  watcher.behind = true;
  stage.side.print(0, "flood");
  await pass(0);
  expect(status().kind).toBe("catchingUp");
  expect(stage.sides[0]?.socket.closedWith).toBe(4000);
  await pass(60);
  expect(stage.sides).toHaveLength(1);
  watcher.catchUp();
  await pass(0);
  stage.side.open();
  expect(stage.side.first).toMatchObject({ resume: 5 });
});

test("a large paste waits here until the port took what came before", async () => {
  await pass(0);
  stage.side.attach();
  expect(connection.type(new Uint8Array(MAX_BACKLOG + 9))).toBe(MAX_BACKLOG);
  expect(connection.store.get().backlog).toBe(MAX_BACKLOG - MAX_UNCONFIRMED);
  stage.side.send({ kind: "ack", offset: 1000 });
  expect(connection.store.get().backlog).toBe(MAX_BACKLOG - MAX_UNCONFIRMED - 1000);
  stage.side.tell("writer", { writer: "bert", mode: "observe" });
  expect(watcher.events.at(-1)).toEqual({
    kind: "inputDropped",
    count: MAX_BACKLOG - MAX_UNCONFIRMED - 1000,
  });
  expect(connection.store.get().status).toEqual({ kind: "attached", mode: "observe" });
  expect(connection.type(keys("x"))).toBe(0);
});

test("leaving says goodbye, so that the keyboard is free at once", async () => {
  await pass(0);
  stage.side.attach();
  connection.leave();
  expect(stage.side.socket.closedWith).toBe(1000);
  expect(status().kind).toBe("left");
});

test("a breach of the protocol ends the session", async () => {
  await pass(0);
  stage.side.attach();
  stage.side.send({ kind: "ack", offset: 99 });
  await pass(0);
  expect(status()).toMatchObject({ kind: "ended", fault: { code: "ProtocolViolated" } });
});

test("the first message goes with the request for the socket where the gateway takes it there", async () => {
  stage.subprotocol = SUBPROTOCOL;
  connection.startAgain("write");
  await pass(0);
  expect(stage.side.subprotocols[0]).toBe(SUBPROTOCOL);
  expect(stage.side.first).toMatchObject({ ticket: stage.side.opening.ticket, mode: "write" });
  stage.side.socket.protocol = SUBPROTOCOL;
  stage.side.attach();
  expect(stage.side.socket.sent).toEqual([]);
  expect(connection.store.get().status.kind).toBe("attached");
});

test("a socket that did not open is asked for without a subprotocol the next time", async () => {
  stage.subprotocol = SUBPROTOCOL;
  connection.startAgain("write");
  await pass(0);
  const before = stage.sides.length;
  stage.side.drop();
  await pass(1);
  expect(stage.sides.length).toBe(before + 1);
  expect(stage.side.subprotocols).toEqual([]);
  stage.side.attach();
  expect(stage.side.first).toMatchObject({ ticket: stage.side.opening.ticket });
});
