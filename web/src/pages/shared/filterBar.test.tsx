import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { Themed } from "../../theme/Themed";
import { FilterBar } from "./FilterBar";

it("clears every facet of the view, those that are not offered too", async () => {
  const change = vi.fn();
  render(
    <Themed>
      <FilterBar<"group" | "subscription">
        label="Filter"
        facets={["group"]}
        view={{ text: "", chosen: { group: [], subscription: ["s"] } }}
        word={(facet) => facet}
        valueWord={(_, value) => value}
        options={() => []}
        onChange={change}
      />
    </Themed>,
  );
  await userEvent.click(screen.getByRole("button", { name: "Clear filters" }));
  expect(change).toHaveBeenCalledExactlyOnceWith({ text: "", chosen: { group: [], subscription: [] } });
});
