import { describe, expect, it } from "vitest";
import { sample } from "../machines/samples";
import { toServer } from "../machines/server";
import { arrivals, before } from "./arrivals";

const GROUP = "/subscriptions/s/resourceGroups/G";
const server = (name: string, status: string, since = "", group = "g"): ReturnType<typeof toServer> =>
  toServer(sample(name, { status, ...(since && { lastStatusChange: since }) }, group));

describe("arrivals", () => {
  const was = before([server("old", "Connected"), server("away", "Disconnected")]);

  it("are those that were not there, connected or not yet, the newest first", () => {
    const now = [
      server("old", "Connected"),
      server("early", "AwaitingConnection", "2026-01-01T00:00:00Z"),
      server("late", "Connected", "2026-01-01T00:00:09Z"),
      server("elsewhere", "Connected", "", "g2"),
    ];
    expect(arrivals(now, was, GROUP).map((each) => each.name)).toEqual(["late", "early"]);
  });

  it("are those that came back, and not those that only changed", () => {
    expect(arrivals([server("away", "Connected")], was, GROUP)).toHaveLength(1);
    expect(arrivals([server("away", "Expired"), server("old", "Disconnected")], was, GROUP)).toEqual([]);
  });
});
