import { render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { Themed } from "../../theme/Themed";
import { MoveProgress } from "./MoveProgress";
import type { Progress } from "./useDeeds";

const shown = (progress: Progress): string[] => {
  render(
    <Themed>
      <MoveProgress progress={progress} />
    </Themed>,
  );
  return screen.queryAllByRole("listitem").map((each) => each.textContent ?? "");
};

describe("a machine on its way to another host", () => {
  it("shows which step goes on, what is over and what is to come", () => {
    const steps = shown({ phase: "receive", percent: 40 });
    expect(steps).toHaveLength(6);
    expect(steps[1]).toMatch(/sends the disk done$/);
    expect(steps[2]).toMatch(/takes the disk under way$/);
    expect(steps[3]).not.toMatch(/(done|under way)$/);
    expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("40");
  });

  it("is one step while both hosts hand over", () => {
    expect(shown({ phase: "switch" })[3]).toMatch(/handed over under way$/);
  });

  it("says that it goes back", () => {
    expect(shown({ phase: "back" })).toEqual([]);
    expect(screen.getByText(/goes back to where it was/)).toBeTruthy();
  });

  it("says nothing of what it does not know", () => {
    expect(shown({})).toEqual([]);
    expect(shown({ phase: "later" })).toEqual([]);
  });
});
