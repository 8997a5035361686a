import { expect, test } from "vitest";
import { clockTime } from "../text";
import { alarmOf, faultOf } from "./faults";

const AT = "2026-11-25T03:04:05.123456Z";

test("a code and its fields become the catalogue's words, with times as the clock on the wall", () => {
  const fault = faultOf("TakenOver", { by: "bert", at: AT });
  expect(fault.message).toContain(`bert took over this console at ${clockTime(AT)}.`);
  expect(fault.remedy).not.toEqual([]);
  expect(faultOf("AgentOffline", { host: "h1", since: ` since ${AT}` }).message).toContain(clockTime(AT));
});

test("a field that is missing, or a code nobody knows, still says something", () => {
  expect(faultOf("TakenOver").message).toContain("? took over");
  const unknown = faultOf("FromTheFuture", { a: 1 });
  expect(unknown.code).toBe("FromTheFuture");
  expect(unknown.title).not.toBe("");
});

test("an alarm is read as the agent nests it and as the gateway does not", () => {
  expect(alarmOf({ code: "AgentOffline", host: "h1", since: "" }).message).toContain("'h1'");
  expect(alarmOf({ code: "WriteNotGranted", fields: { vm: "web1" } }).message).toContain("'web1'");
});

test("whether to try again and what can be pressed come with it", () => {
  expect(faultOf("StreamFailed").retryable).toBe(true);
  expect(faultOf("AccessRevoked").retryable).toBe(false);
  expect(faultOf("VmNotRunning").action).toBe("start-vm");
});
