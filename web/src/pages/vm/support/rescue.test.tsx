import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter } from "react-router";
import { beforeEach, describe, expect, it } from "vitest";
import { json, type Server, serve } from "../../../../tests/server";
import { setSession } from "../../../api/session";
import { Themed } from "../../../theme/Themed";
import { sampleVm } from "../../vms/samples";
import { RescueRun } from "./RescueRun";
import {
  answerOf,
  currentOf,
  isMissing,
  lacking,
  markOf,
  newName,
  type Question,
  type Rescue,
  type Step,
  startOf,
} from "./rescue";

const step = (number: number, more: Partial<Step> = {}): Step => ({
  number,
  name: `step${number}`,
  title: `Title ${number}`,
  state: "over",
  findings: [],
  deed: null,
  probe: null,
  ...more,
});

const found = { code: "RuleMissing", title: "No rule", message: "Nothing allows it." };
const deed = { name: "addRule", title: "Add the rule", agreed: true, state: "done" };
const probed = { works: true, controlPlane: { works: true }, host: null };

const rescue = (name: string, created: string, more: Partial<Rescue["properties"]> = {}): Rescue => ({
  id: `/vm/providers/Outofband.Diagnostics/rescues/${name}`,
  name,
  type: "",
  properties: {
    protocol: "rdp",
    port: 3389,
    dryRun: false,
    state: "unresolved",
    summary: "Nothing helped.",
    outcome: "unresolved",
    address: "203.0.113.4",
    steps: [step(1)],
    findings: [],
    probe: { works: false, guestAnswers: false, last: null },
    question: null,
    created,
    createdBy: "ada",
    ended: created,
    ...more,
  },
});

describe("runs", () => {
  it("are shown with the one that goes on first, else the newest", () => {
    const old = rescue("a", "2026-01-01T00:00:00Z");
    const late = rescue("b", "2026-01-02T00:00:00Z");
    const going = rescue("c", "2026-01-01T12:00:00Z", { outcome: null, ended: null });
    expect(currentOf([old, late])?.name).toBe("b");
    expect(currentOf([old, going, late])?.name).toBe("c");
    expect(currentOf([])).toBeUndefined();
  });

  it("have a name for each moment", () => {
    expect(newName(new Date("2026-01-02T03:04:05.678Z"))).toBe("run-20260102030405678");
  });

  it("tell what they may not do, by the step it is for", () => {
    const rights = [
      { step: 1, deed: "restart", action: "x/restart/action", allowed: false },
      { step: 1, deed: "start", action: "x/start/action", allowed: true },
    ];
    expect(lacking(rescue("a", "", { rights }))).toEqual([
      { step: "Title 1", deed: "restart", action: "x/restart/action" },
    ]);
  });
});

describe("bodies", () => {
  const question: Question = { step: 6, deed: "resetPassword", title: "", asks: [], password: true };

  it("of a start have a secret only beside a name", () => {
    const wish = { way: "rdp", dryRun: true, user: "", password: "" } as const;
    expect(startOf(wish)).toEqual({ properties: { protocol: "rdp", dryRun: true } });
    expect(startOf({ ...wish, user: " bob ", password: "kelp" })).toEqual({
      properties: { protocol: "rdp", dryRun: true, user: "bob", protected: { password: "kelp" } },
    });
    expect([isMissing({ ...wish, user: "bob" }), isMissing({ ...wish, password: "x" })]).toEqual([
      true,
      true,
    ]);
    expect(isMissing(wish)).toBe(false);
  });

  it("of a no take no password along", () => {
    expect(answerOf(question, true, "bob", "kelp")).toEqual({
      step: 6,
      agree: true,
      user: "bob",
      protected: { password: "kelp" },
    });
    expect(answerOf(question, false, "bob", "kelp")).toEqual({ step: 6, agree: false });
    expect(answerOf({ ...question, password: false }, true, "bob", "kelp")).toEqual({ step: 6, agree: true });
  });
});

describe("markOf", () => {
  it.each([
    [step(1, { state: "waiting" }), "waiting"],
    [step(1, { state: "looking" }), "looking"],
    [step(1, { state: "choosing" }), "looking"],
    [step(1, { state: "asking" }), "asking"],
    [step(1), "nothing"],
    [step(1, { findings: [found] }), "looked"],
    [step(1, { deed, probe: probed }), "helped"],
    [step(1, { deed }), "done"],
    [step(1, { deed: { ...deed, state: "declined" } }), "skipped"],
    [step(1, { deed: { ...deed, state: "failed" } }), "failed"],
    [step(1, { deed: { ...deed, state: "wished" } }), "found"],
  ])("of %o: %s", (given, mark) => {
    expect(markOf(given)).toBe(mark);
  });
});

describe("RescueRun", () => {
  let server: Server;
  beforeEach(() => {
    server = serve();
    setSession({ token: async () => "token", signIn: () => new Promise(() => undefined) });
  });

  function show(run: Rescue): { changed: () => number } {
    let changes = 0;
    render(
      <Themed>
        <MemoryRouter>
          <RescueRun
            vm={sampleVm({ name: "web1" })}
            run={run}
            onChanged={async () => {
              changes++;
            }}
          />
        </MemoryRouter>
      </Themed>,
    );
    return { changed: () => changes };
  }

  it("asks, and sends the answer with the password that goes with it", async () => {
    const question: Question = {
      step: 6,
      deed: "resetPassword",
      title: "Give the account a new password",
      asks: [{ name: "password", text: "An account gets a new password." }],
      password: true,
    };
    const { changed } = show(
      rescue("a", "2026-01-01T00:00:00Z", { outcome: null, state: "asking", question }),
    );
    const asked = screen.getByRole("alert");
    expect(within(asked).getByText("An account gets a new password.")).toBeDefined();
    server.answer(json({}, 202));
    await userEvent.type(within(asked).getByLabelText(/User name/), "bob");
    await userEvent.type(within(asked).getByLabelText(/New password/), "kelp");
    await userEvent.click(within(asked).getByRole("button", { name: "Do it" }));
    expect(JSON.parse(server.asked[0]?.body ?? "")).toEqual({
      step: 6,
      agree: true,
      user: "bob",
      protected: { password: "kelp" },
    });
    expect(changed()).toBe(1);
    expect(screen.getByRole("button", { name: "Stop" })).toBeDefined();
    expect(screen.queryByText("Report for support")).toBeNull();
  });

  it("shows each step with what was found and done, and the way to look from one's own side", () => {
    const steps = [
      step(1, { findings: [found] }),
      step(2, { deed, probe: probed }),
      step(3, { state: "waiting" }),
    ];
    const ended = { outcome: "proven", summary: "It answers.", steps, undoable: true, mainCause: found };
    show(rescue("a", "2026-01-01T00:00:00Z", ended));
    expect(screen.getByText("Main cause: No rule")).toBeDefined();
    const list = within(screen.getByRole("region", { name: "Steps" }));
    expect(list.getAllByText(/^\d\. Title/).map((each) => each.textContent)).toEqual([
      "1. Title 1",
      "2. Title 2",
      "3. Title 3",
    ]);
    expect(list.getByText("Nothing allows it.")).toBeDefined();
    expect(list.getByText("Helped")).toBeDefined();
    expect(screen.getByText("oob probe 203.0.113.4 --protocol rdp")).toBeDefined();
    expect(screen.getByRole("button", { name: "Take it back" })).toBeDefined();
    expect(screen.getByText("Report for support")).toBeDefined();
  });

  it("says what stayed when it was taken back, and offers no second time", () => {
    const stays = { code: "RescueRuleChanged", title: "It stays", message: "Somebody changed it." };
    const undone = { ...deed, undone: "2026-01-02T00:00:00Z", left: [stays] };
    show(rescue("a", "2026-01-01T00:00:00Z", { steps: [step(2, { deed: undone })], undoable: false }));
    expect(screen.getByText("Somebody changed it.")).toBeDefined();
    expect(screen.queryByRole("button", { name: "Take it back" })).toBeNull();
    expect(screen.queryByText(/Main cause/)).toBeNull();
  });
});
