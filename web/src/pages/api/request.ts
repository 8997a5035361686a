/** A call as the person filled it in: its address, what is missing, and the same as a line for a shell. */

import type { Operation, Parameter } from "./openapi";

/** By `in:name`; empty text is as good as nothing. */
export type Values = Readonly<Record<string, string>>;

export function keyOf(parameter: Pick<Parameter, "in" | "name">): string {
  return `${parameter.in}:${parameter.name}`;
}

/** Path and query. A scope's value keeps its slashes, and the tenant's scope is one slash, or none. */
export function addressOf(operation: Operation, values: Values): string {
  const path = operation.path.replace(/\{([^}]+)\}/g, (_, name: string) => {
    const value = values[`path:${name}`] ?? "";
    const parameter = operation.parameters.find((each) => each.in === "path" && each.name === name);
    if (!parameter?.slashes) return encodeURIComponent(value);
    return value.split("/").filter(Boolean).map(encodeURIComponent).join("/");
  });
  const query = new URLSearchParams();
  for (const parameter of operation.parameters) {
    const value = values[keyOf(parameter)];
    if (parameter.in === "query" && value) query.append(parameter.name, value);
  }
  const text = query.toString();
  const whole = path.replace(/\/{2,}/g, "/");
  return text ? `${whole}?${text}` : whole;
}

export function headersOf(operation: Operation, values: Values): Record<string, string> {
  return Object.fromEntries(
    operation.parameters
      .filter((each) => each.in === "header" && values[keyOf(each)])
      .map((each) => [each.name, values[keyOf(each)] ?? ""]),
  );
}

export function missing(operation: Operation, values: Values): Parameter[] {
  return operation.parameters.filter((each) => each.required && !values[keyOf(each)]);
}

/** The error of a body that is not JSON; undefined for a good or an empty one. */
export function bodyFault(body: string): string | undefined {
  if (!body.trim()) return undefined;
  try {
    JSON.parse(body);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The token stays out of it: a shell's history is no place for one. */
export function curlLine(operation: Operation, values: Values, body: string, origin: string): string {
  const parts = ["curl", "-X", operation.method];
  parts.push("-H", '"Authorization: Bearer $TOKEN"');
  for (const [name, value] of Object.entries(headersOf(operation, values)))
    parts.push("-H", quoted(`${name}: ${value}`));
  if (operation.body !== undefined && body.trim()) {
    const compact = bodyFault(body) === undefined ? JSON.stringify(JSON.parse(body)) : body;
    parts.push("-H", "'Content-Type: application/json'", "-d", quoted(compact));
  } else if (operation.method === "POST" || operation.method === "PUT") {
    parts.push("-H", "'Content-Length: 0'");
  }
  parts.push(quoted(origin + addressOf(operation, values)));
  return parts.join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
