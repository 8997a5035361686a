import { act, renderHook, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { json, type Server, serve } from "../../../tests/server";
import { setSession } from "../../api/session";
import { forgetRights, useIdentityRight, useWhyNot } from "./useRights";

let server: Server;

beforeEach(() => {
  server = serve();
  setSession({ token: async () => "token", signIn: () => new Promise(() => undefined) });
  forgetRights();
});
afterEach(() => setSession(undefined));

const granted = (...actions: string[]): Response => json({ value: [{ actions }] });

describe("rights on the identity pages", () => {
  it("are known after the answer, and kept while they are asked for anew", async () => {
    server.answer(granted("*/read"));
    const { result } = renderHook(() => ({ may: useIdentityRight(), why: useWhyNot("writeUsers") }));
    await waitFor(() => expect(result.current.may).toBe(true));
    expect(result.current.why).toContain("Microsoft.Authorization/users/write");

    let answer: (response: Response) => void = () => undefined;
    server.answer(
      () =>
        new Promise<Response>((resolve) => {
          answer = resolve;
        }),
    );
    act(() => forgetRights());
    await waitFor(() => expect(server.asked).toHaveLength(2));
    // A page that stands on the right does not go away meanwhile.
    expect(result.current.may).toBe(true);
    answer(granted("*"));
    await waitFor(() => expect(result.current.why).toBeUndefined());
  });

  it("are lacking without a role, and held by whoever may change one kind of thing", async () => {
    server.answer(json({ value: [] }));
    const none = renderHook(() => useIdentityRight());
    await waitFor(() => expect(none.result.current).toBe(false));
    none.unmount();
    forgetRights();
    server.answer(granted("Microsoft.Authorization/groups/write"));
    const some = renderHook(() => useIdentityRight());
    await waitFor(() => expect(some.result.current).toBe(true));
  });
});
