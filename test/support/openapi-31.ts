import { z } from "zod";

const text = z.string().min(1);

/**
 * The objects of OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1, 4.8) that our document uses, closed: a field that the
 * specification does not have there, or that is of another type, is an error. Schemas are JSON Schema, and only objects here.
 */
const Schema = z.record(z.string(), z.unknown());
const MediaType = z.strictObject({ schema: Schema, example: z.unknown().optional() });
const Content = z.record(z.string().regex(/^[a-z]+\/[a-z0-9.+-]+$/), MediaType);
const Header = z.strictObject({ schema: Schema, description: text.optional(), required: z.boolean().optional() });
const Parameter = z
  .strictObject({
    name: text,
    in: z.enum(["query", "header", "path", "cookie"]),
    description: text.optional(),
    required: z.boolean().optional(),
    schema: Schema,
  })
  .refine(({ in: place, required }) => place !== "path" || required === true, "a path parameter is required");
const RequestBody = z.strictObject({
  content: Content,
  description: text.optional(),
  required: z.boolean().optional(),
});
const Response = z.strictObject({
  description: text,
  headers: z.record(z.string(), Header).optional(),
  content: Content.optional(),
});
const Security = z.array(z.record(z.string(), z.array(z.string())));
const Operation = z.strictObject({
  operationId: z.string().regex(/^[a-z][A-Za-z]+$/),
  tags: z.array(text).min(1),
  summary: text,
  description: text.optional(),
  parameters: z.array(Parameter).optional(),
  requestBody: RequestBody.optional(),
  responses: z.record(z.string().regex(/^[1-5]\d\d$/), Response),
  security: Security.optional(),
});
const method = () => Operation.optional();
const PathItem = z.strictObject({ get: method(), post: method(), put: method(), delete: method(), patch: method() });
const SecurityScheme = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("http"), scheme: text, description: text.optional() }),
  z.strictObject({
    type: z.literal("apiKey"),
    in: z.enum(["query", "header", "cookie"]),
    name: text,
    description: text.optional(),
  }),
]);

export const OpenApi31 = z.strictObject({
  openapi: z.literal("3.1.0"),
  info: z.strictObject({
    title: text,
    version: text,
    description: text.optional(),
    license: z.strictObject({ name: text, identifier: text }).optional(),
  }),
  security: Security,
  paths: z.record(z.string().regex(/^\//), PathItem),
  components: z.strictObject({
    schemas: z.record(z.string().regex(/^[A-Za-z0-9._-]+$/), Schema),
    securitySchemes: z.record(z.string(), SecurityScheme),
    parameters: z.strictObject({}).optional(),
  }),
  webhooks: z.strictObject({}).optional(),
});
export type OpenApi31 = z.infer<typeof OpenApi31>;

/** What a schema of the document takes, as Zod reads JSON Schema. @throws Error for one that is none, or a reference that leads nowhere. */
export function checkOf(document: OpenApi31, schema: object): z.ZodType {
  const inside = (value: object) => JSON.parse(JSON.stringify(value).replaceAll("#/components/schemas/", "#/$defs/"));
  return z.fromJSONSchema({ ...inside(schema), $defs: inside(document.components.schemas) });
}
