import { expect, test } from "vitest";
import { z } from "zod";
import { AppError, type ErrorCode, errorCodes, toAppError } from "../../shared/error.ts";
import { JobRequest } from "../../shared/job.ts";
import { HttpError, invalidRequest, Problem, toProblem } from "../../shared/problem.ts";

const codes = Object.keys(errorCodes) as ErrorCode[];

test.each(codes)("%s is a problem with a status of its own kind, a title, a sentence and a remedy", (code) => {
  const problem = toProblem(new AppError(code, "What is wrong, and where."));
  expect(Problem.parse(problem)).toEqual(problem);
  expect(problem).toMatchObject({
    success: false,
    code,
    title: errorCodes[code].title,
    remedy: errorCodes[code].remedy,
  });
  expect(problem.type).toBe(`https://agenticore.dev/problems/${code}`);
  expect(problem.status).toBeGreaterThanOrEqual(400);
  expect(problem.status).toBeLessThan(600);
  expect(problem.error).toBe(problem.detail);
  expect(problem.remedy).toMatch(/[.]$/);
});

test("a failure of our own tells the caller nothing of its inside", () => {
  const problem = toProblem(toAppError(new TypeError("Cannot read properties of /etc/secret")));
  expect(problem).toMatchObject({ status: 500, code: "internal" });
  expect(JSON.stringify(problem)).not.toContain("secret");
});

test("what is thrown keeps its cause, and what is ours stays as it is", () => {
  const cause = new Error("below");
  const ours = new AppError("conflict", "No.", { cause, remedy: "Do this." });
  expect(toAppError(ours)).toBe(ours);
  expect(ours.cause).toBe(cause);
  expect(toProblem(ours)).toMatchObject({ status: 409, detail: "No.", remedy: "Do this." });
  expect(toAppError(cause)).toMatchObject({ code: "internal", cause });
  expect(toAppError("text")).toMatchObject({ code: "internal", message: "text" });
});

test("a status that the code's usual one does not fit is kept", () => {
  expect(toProblem(new HttpError(415, "invalid_request", "Send JSON."))).toMatchObject({
    status: 415,
    code: "invalid_request",
  });
});

test("every wrong field of a request is named, unknown ones too", () => {
  const parsed = JobRequest.safeParse({
    task: " ",
    priority: 11,
    pool: "A B",
    metadata: { team: 7 },
    colour: "red",
    size: 1,
  });
  const error = parsed.error ? invalidRequest(parsed.error) : undefined;
  expect(error?.code).toBe("invalid_request");
  const paths = error?.errors.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(["task", "priority", "pool", "metadata.team", "colour", "size"]));
  expect(error?.errors.every(({ message }) => message.length > 0)).toBe(true);
  expect(toProblem(error ?? new AppError("internal", ""))).toMatchObject({ status: 400, errors: error?.errors });
});

test("a request that is no object is told so", () => {
  const parsed = z.strictObject({ task: z.string() }).safeParse(null);
  expect(parsed.error && invalidRequest(parsed.error, "The body").message).toMatch(/^The body is not valid: /);
});
