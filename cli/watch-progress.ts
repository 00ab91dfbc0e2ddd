import type { JobEvent } from "../shared/event.ts";
import { dollars, duration } from "./amount.ts";
import type { CliContext } from "./context.ts";

/** The line that lives at the bottom of a terminal: state, time, cost. */
export function watchProgress({ print, clock }: CliContext, leaving: AbortSignal) {
  const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
  const ended = new AbortController();
  const startedAt = clock.uptime();
  let state = "waiting";
  let cost = "";
  const stop = AbortSignal.any([leaving, ended.signal]);
  const draw = async () => {
    for (let frame = 0; !stop.aborted; frame += 1) {
      print.progress(`${frames[frame % frames.length]} ${state} · ${duration(clock.uptime() - startedAt)}${cost}`);
      await clock.sleep(120, stop);
    }
    print.progress(undefined);
  };
  const drawing = print.hasProgress ? draw() : Promise.resolve();
  drawing.catch(() => undefined);
  return {
    seen({ type, data }: JobEvent) {
      if (type === "phase.changed") state = String(data["phase"]);
      else if (type === "tool.started") state = `running ${String(data["tool"])}`;
      else if (type === "question.asked") state = "waiting for your answer";
      else if (type === "question.answered") state = "running";
      else if (type === "claude.said" || type === "tool.ended") state = "running";
      else if (type === "job.queued" || type === "job.delayed") state = "waiting";
      if (type === "usage.updated") cost = ` · ${dollars(Number(data["cost_usd"]))}`;
    },
    [Symbol.dispose]: () => {
      ended.abort();
      print.progress(undefined);
    },
  };
}
