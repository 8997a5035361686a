/** The part of OpenAPI 3.1 that the API page reads: what can be called, and with what. */

import type { Method } from "../../api/transport";

export interface Schema {
  type?: string | string[];
  enum?: unknown[];
  default?: unknown;
  example?: unknown;
  examples?: unknown[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  const?: unknown;
  pattern?: string;
  $ref?: string;
}

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required: boolean;
  description: string;
  /** An id with slashes, which stay. */
  slashes: boolean;
  schema: Schema;
}

export interface Operation {
  id: string;
  method: Method;
  path: string;
  summary: string;
  description: string;
  tags: readonly string[];
  parameters: readonly Parameter[];
  /** A body to begin with, pretty; undefined when the operation takes none. */
  body: string | undefined;
}

export interface Group {
  tag: string;
  operations: readonly Operation[];
}

const METHODS: readonly Method[] = ["GET", "PUT", "POST", "PATCH", "DELETE"];
const JSON_TYPE = "application/json";
/** A schema that contains itself ends here. */
const DEEPEST = 6;

type Json = Record<string, unknown>;

/**
 * Every operation of a document, in its order. What is not understood is left out, and so is what takes a form in place of
 * JSON: those are the doors to a token, which this page has already.
 */
export function operationsOf(document: unknown): Operation[] {
  const doc = asObject(document);
  const found: Operation[] = [];
  for (const [path, item] of Object.entries(asObject(doc["paths"]))) {
    const common = asArray(asObject(item)["parameters"]);
    for (const method of METHODS) {
      const said = asObject(item)[method.toLowerCase()];
      if (said === undefined) continue;
      const operation = asObject(said);
      const media = asObject(asObject(resolve(doc, operation["requestBody"]))["content"]);
      if (Object.keys(media).length > 0 && media[JSON_TYPE] === undefined) continue;
      found.push({
        id: text(operation["operationId"]) || `${method} ${path}`,
        method,
        path,
        summary: text(operation["summary"]),
        description: text(operation["description"]),
        tags: asArray(operation["tags"]).map(text).filter(Boolean),
        parameters: parametersOf(doc, [...common, ...asArray(operation["parameters"])]),
        body: bodyOf(doc, asObject(media[JSON_TYPE])),
      });
    }
  }
  return found;
}

/** Operations under their first tag, tags in the order of the document. */
export function byTag(operations: readonly Operation[], other: string): Group[] {
  const groups = new Map<string, Operation[]>();
  for (const operation of operations) {
    const tag = operation.tags[0] ?? other;
    const group = groups.get(tag);
    if (group) group.push(operation);
    else groups.set(tag, [operation]);
  }
  return [...groups].map(([tag, list]) => ({ tag, operations: list }));
}

/** Those in which every word is found: in the path, the summary, the id or the tag. */
export function matching(operations: readonly Operation[], query: string): Operation[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return operations.filter((each) => {
    const all = [each.method, each.path, each.summary, each.id, ...each.tags].join(" ").toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

/** What a parameter's field holds at first. */
export function startOf(parameter: Parameter): string {
  const { schema } = parameter;
  const value = schema.default ?? schema.const ?? (parameter.required ? schema.enum?.[0] : undefined);
  return value === undefined || value === null ? "" : String(value);
}

function parametersOf(doc: Json, all: readonly unknown[]): Parameter[] {
  const byName = new Map<string, Parameter>();
  for (const one of all) {
    const parameter = asObject(resolve(doc, one));
    const where = text(parameter["in"]);
    if (where !== "path" && where !== "query" && where !== "header") continue;
    const name = text(parameter["name"]);
    // What an operation says of a parameter counts more than what its path says.
    byName.set(`${where}:${name}`, {
      name,
      in: where,
      required: where === "path" || parameter["required"] === true,
      description: text(parameter["description"]),
      slashes: parameter["x-ms-skip-url-encoding"] === true,
      schema: asObject(resolve(doc, parameter["schema"])) as Schema,
    });
  }
  return [...byName.values()];
}

function bodyOf(doc: Json, media: Json): string | undefined {
  if (Object.keys(media).length === 0) return undefined;
  const [first] = Object.values(asObject(media["examples"]));
  const example = media["example"] ?? asObject(resolve(doc, first))["value"];
  const value = example ?? sample(doc, media["schema"] as Schema | undefined, 0) ?? {};
  return JSON.stringify(value, null, 2);
}

/** A value of the schema's form: its defaults and examples where it has some, required parts only where it says which. */
function sample(doc: Json, given: Schema | undefined, depth: number): unknown {
  const schema = asObject(resolve(doc, given)) as Schema;
  const said = schema.example ?? schema.examples?.[0] ?? schema.default ?? schema.const ?? schema.enum?.[0];
  if (said !== undefined) return said;
  if (depth >= DEEPEST) return undefined;
  const one = schema.oneOf?.[0] ?? schema.anyOf?.[0] ?? schema.allOf?.[0];
  if (one) return sample(doc, one, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (schema.properties) {
    const wanted = schema.required?.length ? schema.required : Object.keys(schema.properties);
    return Object.fromEntries(
      wanted.map((name) => [name, sample(doc, schema.properties?.[name], depth + 1) ?? null]),
    );
  }
  switch (type) {
    case "array":
      return [];
    case "object":
      return {};
    case "integer":
    case "number":
      return 0;
    case "boolean":
      return false;
    case "string":
      return "";
    default:
      return undefined;
  }
}

/** Follows `#/a/b` inside the document; a reference to a reference too, but not in circles. */
function resolve(doc: Json, value: unknown): unknown {
  let found = value;
  for (let steps = 0; steps < DEEPEST; steps++) {
    const ref = asObject(found)["$ref"];
    if (typeof ref !== "string") return found;
    if (!ref.startsWith("#/")) return undefined;
    found = ref
      .slice(2)
      .split("/")
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
      .reduce<unknown>((place, part) => asObject(place)[part], doc);
  }
  return undefined;
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function asArray(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
