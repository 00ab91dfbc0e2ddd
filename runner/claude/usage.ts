import type { Usage } from "../../shared/job.ts";
import type { ResultMessage } from "./messages.ts";

/** The header with which Claude's telemetry shows whose it is. */
export const usageHeader = "x-agenticore-usage";

export const noUsage: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

export const addUsage = (a: Usage, b: Usage): Usage => ({
  input_tokens: a.input_tokens + b.input_tokens,
  output_tokens: a.output_tokens + b.output_tokens,
  cache_read_input_tokens: a.cache_read_input_tokens + b.cache_read_input_tokens,
  cache_creation_input_tokens: a.cache_creation_input_tokens + b.cache_creation_input_tokens,
});

/** Over all models: a result's own `usage` leaves out subagents and the last response of a budget stop (measured). */
export const usageOf = (models: ResultMessage["modelUsage"]): Usage =>
  Object.values(models)
    .map((model) => ({
      input_tokens: model.inputTokens,
      output_tokens: model.outputTokens,
      cache_read_input_tokens: model.cacheReadInputTokens,
      cache_creation_input_tokens: model.cacheCreationInputTokens,
    }))
    .reduce(addUsage, noUsage);
