import { describe, expect, it } from "vitest";
import { guess, type Known, suggestionsFor } from "./known";
import { byTag, matching, type Operation, operationsOf, type Parameter, startOf } from "./openapi";
import { addressOf, bodyFault, curlLine, headersOf, missing } from "./request";

const DOCUMENT = {
  openapi: "3.1.0",
  paths: {
    "/subscriptions/{subscriptionId}/providers/Microsoft.SerialConsole/consoleServices/{name}/disableConsole":
      {
        parameters: [{ $ref: "#/components/parameters/subscription" }],
        post: {
          operationId: "ConsoleServices_Disable",
          summary: "Disable",
          tags: ["Microsoft.SerialConsole"],
          parameters: [
            { name: "name", in: "path", schema: { type: "string", default: "default" } },
            {
              name: "api-version",
              in: "query",
              required: true,
              schema: { type: "string", default: "2018-05-01" },
            },
            { name: "$top", in: "query", schema: { type: "integer" } },
            { name: "If-Match", in: "header", schema: { type: "string" } },
          ],
        },
      },
    "/things": {
      put: {
        requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/thing" } } } },
      },
      get: { tags: ["Things"] },
    },
    "/loop": { post: { requestBody: { content: { "application/json": { schema: { $ref: "#/x" } } } } } },
  },
  x: { $ref: "#/x" },
  components: {
    parameters: {
      subscription: { name: "subscriptionId", in: "path", required: true, schema: { type: "string" } },
    },
    schemas: {
      thing: {
        type: "object",
        required: ["properties"],
        properties: {
          properties: {
            type: "object",
            properties: {
              cpus: { type: "integer", default: 1 },
              names: { type: "array", items: { type: "string" } },
              parent: { $ref: "#/components/schemas/thing" },
            },
          },
          tags: { type: "object" },
        },
      },
    },
  },
};
const operations = operationsOf(DOCUMENT);
const disable = operations[0] as Operation;
const values = { "path:subscriptionId": "s 1", "path:name": "default", "query:api-version": "2018-05-01" };

describe("operationsOf", () => {
  it("reads parameters of path and operation, by reference too", () => {
    expect(disable.method).toBe("POST");
    expect(disable.parameters.map((each) => `${each.in}:${each.name}:${each.required}`)).toEqual([
      "path:subscriptionId:true",
      "path:name:true",
      "query:api-version:true",
      "query:$top:false",
      "header:If-Match:false",
    ]);
    expect(disable.parameters.map(startOf)).toEqual(["", "default", "2018-05-01", "", ""]);
  });

  it("makes a body to begin with of the schema, and ends where it contains itself", () => {
    const put = operations.find((each) => each.method === "PUT");
    const body = JSON.parse(put?.body ?? "") as { properties: { cpus: number; names: unknown[] } };
    expect(Object.keys(body)).toEqual(["properties"]);
    expect(body.properties).toMatchObject({ cpus: 1, names: [] });
  });

  it("is not led in circles, and lives with nonsense", () => {
    expect(operations.find((each) => each.path === "/loop")?.body).toBe("{}");
    for (const nonsense of [undefined, null, 1, "x", [], { paths: [] }, { paths: { "/": 1 } }]) {
      expect(operationsOf(nonsense)).toEqual([]);
    }
  });

  it("leaves out what takes a form", () => {
    const content = { "application/x-www-form-urlencoded": {} };
    expect(operationsOf({ paths: { "/token": { post: { requestBody: { content } } } } })).toEqual([]);
  });

  it("groups by tag and finds by words", () => {
    expect(byTag(operations, "Other").map((each) => each.tag)).toEqual([
      "Microsoft.SerialConsole",
      "Things",
      "Other",
    ]);
    expect(matching(operations, "post serialconsole disable").map((each) => each.id)).toEqual([
      "ConsoleServices_Disable",
    ]);
  });
});

describe("a request", () => {
  it("has its values in path and query, quoted", () => {
    expect(addressOf(disable, values)).toBe(
      "/subscriptions/s%201/providers/Microsoft.SerialConsole/consoleServices/default/disableConsole?api-version=2018-05-01",
    );
    expect(headersOf(disable, { ...values, "header:If-Match": "*" })).toEqual({ "If-Match": "*" });
  });

  it("knows what is missing", () => {
    expect(missing(disable, { "path:name": "default" }).map((each) => each.name)).toEqual([
      "subscriptionId",
      "api-version",
    ]);
  });

  it.each([
    ["/subscriptions/s/resourceGroups/g 1", "/subscriptions/s/resourceGroups/g%201/x"],
    ["subscriptions/s", "/subscriptions/s/x"],
    ["/", "/x"],
  ])("keeps the slashes of the scope %s", (scope, expected) => {
    const parameters = [
      { name: "scope", in: "path" as const, required: true, description: "", slashes: true, schema: {} },
    ];
    const scoped = { ...disable, path: "/{scope}/x", parameters };
    expect(addressOf(scoped, { "path:scope": scope })).toBe(expected);
  });

  it("is a line for a shell without the token", () => {
    const line = curlLine({ ...disable, body: "{}" }, values, '{\n "key": "it\'s" }', "https://h:8443");
    expect(line).toContain('-H "Authorization: Bearer $TOKEN"');
    expect(line).toContain(`-d '{"key":"it'\\''s"}'`);
    expect(line).toContain("'https://h:8443/subscriptions/s%201/");
  });

  it("says where a body is not JSON", () => {
    expect(bodyFault("")).toBeUndefined();
    expect(bodyFault('{"a": 1}')).toBeUndefined();
    expect(bodyFault("{a}")).toMatch(/JSON/);
  });
});

describe("suggestions", () => {
  const known: Known = {
    tenantId: "t",
    subscriptions: [{ value: "s1", label: "One" }, { value: "s2" }],
    groups: [{ value: "g" }],
    machines: [{ value: "web1" }, { value: "web2" }],
    hosts: [],
  };
  const named = (name: string): Parameter => ({
    name,
    in: "path",
    required: true,
    description: "",
    slashes: false,
    schema: {},
  });

  it.each([
    ["subscriptionId", "s1"],
    ["scope", "subscriptions/s1"],
    ["resourceGroupName", "g"],
    ["virtualMachineName", ""],
    ["machineName", ""],
    ["tenant", "t"],
    ["user", ""],
  ])("for %s begin with '%s'", (name, expected) => {
    expect(guess(named(name), known)).toBe(expected);
  });

  it("are for paths only", () => {
    expect(suggestionsFor(named("virtualMachineName"), known).map((each) => each.value)).toEqual([
      "web1",
      "web2",
    ]);
    expect(suggestionsFor({ ...named("scope"), in: "query" }, known)).toEqual([]);
  });
});
