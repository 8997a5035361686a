import { render, screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { json, type Server, serve } from "../../../tests/server";
import { setSession } from "../../api/session";
import { Themed } from "../../theme/Themed";
import { sample } from "../machines/samples";
import { toServer } from "../machines/server";
import { Trouble } from "./Trouble";

let server: Server;
beforeEach(() => {
  server = serve();
  setSession({ token: async () => "token", signIn: () => new Promise(() => undefined) });
});

function show(status: string, errors: { code: string; message: string }[] = []): void {
  const machine = toServer(sample("alpha", { status, errorDetails: errors }));
  render(
    <Themed>
      <Trouble server={machine} errors={errors} />
    </Themed>,
  );
}

const explained = (...codes: string[]): Response =>
  json({
    value: codes.map((code) => ({
      code,
      how: "code",
      title: `Title of ${code}`,
      message: "in general",
      cause: `Why ${code}`,
      remedy: [`Mend ${code}`],
    })),
  });

describe("Trouble", () => {
  it("says nothing of a machine that is well", () => {
    show("Connected");
    expect(document.querySelector("[class*=MessageBar]")).toBeNull();
  });

  it("says what a state means, and what to look at on the server", () => {
    show("AwaitingConnection");
    expect(screen.getByText("Awaiting connection")).toBeDefined();
    expect(screen.getByText("azcmagent show")).toBeDefined();
  });

  it("adds cause and remedy of each code to what the machine says itself", async () => {
    server.answer(explained("AgentCloned", "AZCM0026"));
    show("Connected", [
      { code: "AgentCloned", message: "The key of 'alpha' was made elsewhere." },
      { code: "AZCM0026", message: "No route." },
      { code: "Unheard", message: "Nobody knows this one." },
    ]);
    await screen.findByText("Title of AgentCloned");
    expect(JSON.parse(server.asked[0]?.body ?? "")).toEqual({ text: "AgentCloned\nAZCM0026\nUnheard" });
    expect(screen.getByText("The key of 'alpha' was made elsewhere.")).toBeDefined();
    expect(screen.getAllByRole("listitem").map((each) => each.textContent)).toEqual([
      "Mend AgentCloned",
      "Mend AZCM0026",
    ]);
    expect(screen.getByText("Nobody knows this one.")).toBeDefined();
    expect(screen.queryByText("in general")).toBeNull();
  });

  it("tells of the end of a certificate once, with the control plane's words", async () => {
    server.answer(explained("AgentExpired"));
    show("Expired", [{ code: "AgentExpired", message: "It ended on Tuesday." }]);
    const title = await screen.findByText("Title of AgentExpired");
    expect(within(document.body).queryByText("Expired")).toBeNull();
    expect(title).toBeDefined();
  });
});
