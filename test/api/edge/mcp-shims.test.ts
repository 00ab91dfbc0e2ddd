import { expect, test } from "vitest";
import type { z } from "zod";
import { DefaultJsonSchemaValidator, process } from "../../../api/edge/mcp-shims.ts";

const form: z.core.JSONSchema.JSONSchema = {
  type: "object",
  properties: { decision: { type: "string", enum: ["allow", "deny"] }, message: { type: "string", maxLength: 5 } },
  required: ["decision"],
};

test("what a client's user has filled in is held to the form that was asked for", () => {
  const validate = new DefaultJsonSchemaValidator().getValidator(form);

  expect(validate({ decision: "allow", message: "yes" })).toEqual({
    ...{ valid: true, errorMessage: undefined },
    data: { decision: "allow", message: "yes" },
  });
  for (const input of [{}, { decision: "perhaps" }, { decision: "deny", message: "too long" }, "allow", null])
    expect(validate(input)).toMatchObject({ valid: false, data: undefined });
  expect(validate({ decision: "perhaps" }).errorMessage).toContain("decision");
});

test("a Worker has no standard input and output", () => {
  expect(() => process.stdin).toThrow("no standard input");
  expect(() => process.stdout).toThrow("no standard input");
});
