import { describe, expect, it } from "vitest";
import { actionsOf, availabilityOf, type HealthStatus, meaning, reasonWord, toneOf } from "./health";

const status = (properties: Partial<HealthStatus["properties"]>): HealthStatus => ({
  id: "",
  name: "current",
  type: "",
  properties: { availabilityState: "Available", title: "", summary: "As told.", ...properties },
});

describe("health", () => {
  it("is green when it is Available, and unknown where the word is new", () => {
    expect(toneOf(availabilityOf(status({})))).toBe("good");
    expect(availabilityOf(status({ availabilityState: "Resting" }))).toBe("Unknown");
  });

  it("tells a machine that somebody turned off from one that shut down", () => {
    const stopped = { availabilityState: "Unavailable", detailedStatus: "stopped" };
    const asked = meaning(status({ ...stopped, reasonType: "Customer Initiated" }));
    const alone = meaning(status({ ...stopped, reasonType: "Unplanned" }));
    expect(asked).toContain("somebody turned it off");
    expect(alone).toContain("nobody asked for it");
    expect(reasonWord("Unplanned")).toBe("Unplanned");
    expect(reasonWord("")).toBe("None");
  });

  it("leaves the control plane's own words to what only it knows", () => {
    const fault = status({
      availabilityState: "Degraded",
      detailedStatus: "GuestPanicked",
      recommendedActions: [{ action: "Look." }],
    });
    expect(meaning(fault)).toBe("As told.");
    expect(actionsOf(fault)).toEqual(["Look."]);
    expect(
      actionsOf(status({ detailedStatus: "stopped", recommendedActions: [{ action: "Start." }] })),
    ).toEqual([]);
  });
});
