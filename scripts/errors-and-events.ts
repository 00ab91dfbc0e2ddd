import { z } from "zod";
import { type ErrorCode, errorCodes } from "../shared/error.ts";
import { eventFacts } from "../shared/event.ts";
import { statuses } from "../shared/problem.ts";

/** The two closed lists, as a page. */
export function errorsAndEvents(): string {
  const errors = Object.entries(errorCodes).map(
    ([code, { title, remedy, retried }]) =>
      `| \`${code}\` | ${statuses[code as ErrorCode]} | ${retried ? "yes" : "no"} | ${title}. | ${remedy} |`,
  );
  const events = Object.entries(eventFacts).map(([type, facts]) => `| \`${type}\` | ${fieldsOf(facts)} |`);
  return `# Error codes and events

Both lists are closed: a client may switch over them.

## Error codes

A job that did not succeed has \`error_code\`, a sentence in \`error\`, and \`remedy\`; a refused request is a problem document
(RFC 9457) with the same code. "HTTP" is the status of a request that is refused with the code; "again" says whether
the runner makes another attempt by itself.

| code | HTTP | again | what it means | what to do, where nothing more precise is known |
|---|---|---|---|---|
${errors.join("\n")}

## Events

Each is \`{id, type, at, attempt, data}\`; \`id\` is opaque and ordered within its job. \`data\` holds:

| type | data |
|---|---|
${events.join("\n")}

This page is made of the code: \`node scripts/reference.ts\` writes it.
`;
}

function fieldsOf(facts: z.ZodObject): string {
  const { properties = {}, required = [] } = z.toJSONSchema(facts);
  const names = Object.keys(properties).map((name) => (required.includes(name) ? `\`${name}\`` : `\`${name}\`?`));
  return names.join(", ");
}
