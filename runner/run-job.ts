import { join } from "node:path";
import { LeaseLost } from "../shared/error.ts";
import { isWorkDone, type Job } from "../shared/job.ts";
import { parseRepoUrl } from "../shared/repo-url.ts";
import type { Claim } from "../shared/store.ts";
import { openBox } from "./box/open-box.ts";
import { carrySession } from "./carry-session.ts";
import { checkPushRight } from "./check-push-right.ts";
import { loopbackVariables } from "./claude/environment.ts";
import { judge, type Verdict } from "./claude/judge.ts";
import { cleanWorktrees } from "./clean-worktrees.ts";
import {
  alreadyDone,
  attemptEnd,
  type Conclusion,
  concludeError,
  concludeVerdict,
  endOf,
  spent,
  spentBefore,
  withEnd,
} from "./conclude.ts";
import { evidenceOf } from "./evidence.ts";
import { handOver } from "./hand-over.ts";
import { announce, loginFolder, noteStart, runDirOf, treeOf } from "./job-tree.ts";
import { type Held, keepLease, type LeaseKeeper } from "./keep-lease.ts";
import { cameLate, notHeard } from "./late-messages.ts";
import { openWork } from "./open-work.ts";
import { type JobPlaces, jobPlaces } from "./places.ts";
import { prepareWorktree } from "./prepare-worktree.ts";
import type { LoadedProfile } from "./profile/extend.ts";
import { profileSecrets } from "./profile/profile-secrets.ts";
import { reportEnd } from "./report-end.ts";
import { runClaude } from "./run-claude.ts";
import type { RunnerDeps } from "./runner-deps.ts";
import { setUp } from "./set-up.ts";
import { readyTree } from "./setup/ready-tree.ts";
import { standInFor } from "./stand-in.ts";
import { stopReason } from "./stop.ts";
import { tellUsage } from "./tell-usage.ts";
import { removeTmp } from "./tmp-folder.ts";
import type { AttemptEnd } from "./totals.ts";
import { patiently } from "./while-away.ts";
import type { Workplace } from "./workplace.ts";

type Attempt = Readonly<{
  claim: Claim;
  job: Job;
  keeper: LeaseKeeper;
  own: JobPlaces;
  /** Ends everything: the lease is lost, somebody cancelled, or the runner stops hard. */
  signal: AbortSignal;
  stop: AbortSignal;
  /** Sentences for the job, in the order in which they came up. */
  warnings: Set<string>;
  /** Told once there is a place to work in, which has to be closed then. */
  opened: (workplace: Workplace) => void;
}>;

/** A claim, and the end of the attempt that this process made of the same job before, should that one still put things away. */
type Run = Held & Readonly<{ before?: Promise<unknown> }>;

/**
 * One attempt of a job, from claim to end. When it resolves, the job's processes are dead and the lease is finished,
 * given back, or known to be somebody else's.
 */
export async function runJob(held: Run, deps: RunnerDeps, stop: AbortSignal): Promise<AttemptEnd> {
  const { claim } = held;
  const begun = deps.clock.uptime();
  const { job } = claim;
  const log = deps.log.child({ job: job.id, attempt: job.attempt });
  log.info("attempt begins", { profile: job.profile, repo_url: job.repo_url });
  deps.telemetry.claimed(job);
  const keeper = keepLease(held, deps, deps.times);
  const signal = AbortSignal.any([keeper.signal, stop]);
  const own = jobPlaces(deps.places, claim.lease, deps.tmpRoot);
  const warnings = new Set(job.warnings);
  const place = Promise.withResolvers<Workplace | undefined>();
  const attempt = { claim, job, keeper, own, signal, stop, warnings, opened: place.resolve };
  const conclusion = await noteStart(held, runDirOf(own, claim), deps)
    // An attempt whose lease was lost while this process stood still ends now, and has the same tree, branch and folders.
    .then(() => held.before?.catch(() => undefined))
    .then(() => work(attempt, deps))
    .catch((error: unknown) => {
      log.warn("attempt broke off", { error: String(error), cause: String((error as Error)?.cause ?? "") });
      return concludeError(error, { signal });
    });
  place.resolve(undefined); // where it was not opened
  if ("finish" in conclusion && keeper.unheard("all").length > 0 && !signal.aborted)
    keeper.patch({ warnings: [...warnings.add(notHeard)] });
  const tidy = async () => {
    await removeTmp(deps.tmpRoot, claim.lease).catch((error: unknown) =>
      log.warn("a temporary folder could not be removed", { error: String(error) }),
    );
    // Whoever has the lease now may be at work in that very tree.
    const how = afterUse(conclusion, job, signal);
    const workplace = how && (await place.promise);
    if (workplace) await workplace.close(how);
    if (workplace && "finish" in conclusion) await workplace.dropCheckpoints?.();
  };
  const end = attemptEnd(conclusion, job, (deps.clock.uptime() - begun) / 1_000);
  const told = await reportEnd(conclusion, { claim, tidy, left: await keeper.end(), log, stop }, deps);
  // Where this attempt was told nothing, it may be over for the job all the same.
  deps.telemetry.ended(told ?? (await deps.store.get(job.id).catch(() => undefined)));
  return end;
}

/** What becomes of the tree; undefined where it may be somebody else's by now. */
function afterUse(conclusion: Conclusion, job: Job, signal: AbortSignal): "reuse" | "discard" | "keep" | undefined {
  const why = stopReason(signal);
  if (why === "lease-lost") return undefined;
  if (why === "cancelled") return job.publish_only ? "keep" : "discard"; // the work was done before
  return "finish" in conclusion && conclusion.finish.status === "succeeded" ? "reuse" : "keep";
}

/** The recipe. Every step may throw; `concludeError` says what that means for the job. */
async function work(attempt: Attempt, deps: RunnerDeps): Promise<Conclusion> {
  const { claim, keeper, signal, warnings } = attempt;
  if (claim.job.kind === "prepare") return await prepareWorktree(attempt, deps);
  if (claim.job.kind === "cleanup") return await cleanWorktrees(attempt, deps);
  const profile = (await deps.profiles()).get(claim.job.profile);
  deps.hide(await profileSecrets(profile, deps));
  keeper.patch({ phase: "cloning" });
  const pr = profile.profile.auto_pr ? profile.profile.pr : undefined;
  const { checkpoints } = profile.profile;
  const doubts = pr && !isWorkDone(claim.job) ? await checkPushRight(claim.job, deps, signal) : [];
  const workplace = await openWork({ claim, keeper, own: attempt.own, pr, checkpoints }, deps, signal);
  const note = (sentences: readonly string[]) => {
    for (const sentence of sentences) warnings.add(sentence);
    if (sentences.length > 0) keeper.patch({ warnings: [...warnings] });
  };
  attempt.opened(workplace);
  note([...doubts, ...workplace.warnings]);
  const job = withEnd(claim.job, workplace.ended);
  const verdict =
    isWorkDone(job) &&
    workplace.holdsWork &&
    (job.publish_only || claim.messages.every(({ answer }) => answer !== undefined))
      ? alreadyDone
      : await runInside({ attempt: { ...attempt, job }, profile, workplace, note }, deps).catch(spentBefore);
  note(verdict.warnings);
  const succeeded = verdict.status === "succeeded";
  if (!succeeded && !verdict.draft) return concludeVerdict(verdict, { job, nowMs: deps.clock.now() });
  const ended = endOf(job, verdict);
  if (succeeded) await workplace.noteDone(ended); // before anybody is told of it
  const again = succeeded && verdict !== alreadyDone && (await cameLate(keeper));
  if (again) return { release: { reason: "drained", patch: spent(job, verdict) } };
  keeper.patch({ phase: "publishing", ...(succeeded ? ended : {}) });
  const said = { ...job, ...ended, warnings: [...warnings] };
  const published = await handOver(workplace, verdict, {
    job: said,
    prove: () => patiently(() => keeper.flush(), signal, deps),
    signal,
  });
  note(published.warnings);
  const { pr_error, ...facts } = published.patch; // another attempt may still open it
  keeper.patch({ phase: "finishing", ...facts });
  return concludeVerdict(verdict, { job, published, nowMs: deps.clock.now() });
}

type Inside = Readonly<{
  attempt: Attempt;
  profile: LoadedProfile;
  workplace: Workplace;
  note: (warnings: readonly string[]) => void;
}>;

/** From the ready workplace to the verdict on what Claude did there. */
async function runInside({ attempt, profile, workplace, note }: Inside, deps: RunnerDeps): Promise<Verdict> {
  const { claim, job, keeper, own, signal, stop } = attempt;
  const sessionId = job.session_id ?? deps.newId();
  keeper.patch({
    phase: "preparing",
    session_id: sessionId,
    worktree_path: workplace.path,
    job_config_dir: own.config,
  });
  const runDir = runDirOf(own, claim);
  const tree = treeOf(attempt, workplace, deps);
  const setupTree = { ...tree, runDir: join(own.run, `setup-${tree.fence}`) };
  const announced = (act: () => Promise<void>) => announce(claim, { of: setupTree.runDir, after: runDir, act }, deps);
  note(await readyTree({ job, profile, work: workplace, own, keeper, signal, tree: setupTree, announced }, deps));
  await workplace.notePlaced?.();
  const known = await patiently(() => deps.store.findSession(sessionId), signal, deps);
  const near = Promise.withResolvers<void>();
  const usd = job.max_budget_usd ?? profile.profile.claude.max_budget_usd;
  const onUsage = tellUsage(job, keeper, { usd, onNear: near.resolve });
  const relay = deps.telemetry.relay(job);
  using meter = deps.usage.meter(onUsage, relay?.relay);
  using stand = standInFor(profile, { keeper, signal }, deps);
  const ownSession = known === undefined || known.job === job.id;
  const told = { meter, standIn: stand.variables, exported: relay?.exported };
  const { plan, resumed, warnings } = await setUp(
    { job, sessionId, ownSession, profile, work: workplace, own, ...told },
    { ...deps, surroundings: stand.surroundings },
    signal,
  );
  const session = sessionRecord(claim, sessionId, deps.identity.instance);
  // Again where it is known, so that it is remembered for as long as what is said in it from now on.
  await patiently(() => deps.store.saveSession(claim.lease, known ?? session), signal, deps);
  note(warnings);
  keeper.patch({ phase: "running" });
  signal.throwIfAborted();
  const prove = () => patiently(() => keeper.flush(), signal, deps);
  await prove(); // nothing starts without a proven lease, nor before its session is on the job
  if (workplace.holdsWork) await workplace.noteDone(undefined);
  const places = { configDir: own.config, sessions: deps.places.sessions, sessionId };
  await using checkpoints = workplace.keepCheckpoints?.({ prove, note, signal });
  await using conversation = carrySession({ lease: claim.lease, ...places }, deps);
  const heard = { job, attempt: job.attempt, configDir: own.config, sessionId, sinceMs: deps.clock.now() };
  await using _told = { [Symbol.asyncDispose]: () => deps.telemetry.said(heard) };
  const visible = [own.config, ...loginFolder(plan.env), ...workplace.visible];
  const shown = { ...tree, argv: plan.argv as [string, ...string[]], env: plan.env, visible };
  const path = deps.surroundings["PATH"] ?? "";
  const brokered = "ANTHROPIC_BASE_URL" in stand.variables;
  await using box = await openBox({ profile: profile.profile, tree: shown, path, needs: loopbackVariables, brokered });
  const run = await runClaude(
    {
      plan,
      resumed,
      checks: (workplace.continued && job.checks) || [],
      keeper,
      stop,
      tree: { ...shown, ...box },
      onStarted: (pid) => keeper.patch({ pid }),
      onUsage,
      nearBudget: near.promise,
      ...{ stallSeconds: deps.config.stallSeconds, heard: stand.heard, warn: (sentence: string) => note([sentence]) },
      onSaid: (turnIsOver: boolean) => {
        conversation.said(turnIsOver);
        checkpoints?.turned();
      },
    },
    deps,
  );
  if (run.stop === "lease-lost") throw new LeaseLost(job.id); // what is here may be another's by now
  note(await conversation.end(signal));
  return stand.moveOn(judge(await evidenceOf(run, { runDir, job, metered: meter.total() }, deps)));
}

const sessionRecord = ({ job, tenant }: Claim, id: string, runner: string) => ({
  id,
  tenant,
  job: job.id,
  runner,
  ...(job.repo_url === undefined ? {} : { repoKey: parseRepoUrl(job.repo_url).canonical }),
});
