/**
 * The tables of version 1; later versions are steps on top, so that an older file is brought up by the same statements.
 * `jobs` holds what decisions look at and is narrow; `docs` holds what people see (`job`), with what can be
 * long (`bulk`: output and result) apart, so that a renewal rewrites neither.
 * Times named tick, due, expires, gone, lease_until and seen are milliseconds of the store's own clock
 * (store-time.node.ts), which no jump of the wall clock moves.
 */
const schema = `
CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), tick INTEGER NOT NULL, wall INTEGER NOT NULL) STRICT;
CREATE TABLE boots (boot TEXT PRIMARY KEY, shift INTEGER NOT NULL) STRICT;
CREATE TABLE places (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL) STRICT;
INSERT INTO places VALUES (1, 0);

CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  repo_key TEXT,
  repo_url TEXT,
  profile TEXT NOT NULL,
  pool TEXT NOT NULL,
  priority INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  queue_ttl_ms INTEGER NOT NULL,
  ttl_ms INTEGER NOT NULL,
  session_id TEXT,
  status TEXT NOT NULL,
  place INTEGER NOT NULL,
  queued_at INTEGER NOT NULL,
  due INTEGER NOT NULL DEFAULT 0,
  expires INTEGER,
  gone INTEGER,
  attempt INTEGER NOT NULL DEFAULT 0,
  lost INTEGER NOT NULL DEFAULT 0,
  fence INTEGER NOT NULL DEFAULT 0,
  claim_id TEXT,
  runner TEXT,
  lease_boot TEXT,
  lease_until INTEGER,
  attempt_started_at TEXT,
  cancel_by TEXT,
  cancel_at TEXT,
  asked INTEGER NOT NULL DEFAULT 0,
  told INTEGER NOT NULL DEFAULT 0,
  last_event INTEGER NOT NULL DEFAULT 0,
  event_count INTEGER NOT NULL DEFAULT 0,
  event_bytes INTEGER NOT NULL DEFAULT 0,
  dropped_count INTEGER NOT NULL DEFAULT 0,
  dropped_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_queue ON jobs (pool, priority DESC, place, due, expires, repo_key, session_id) WHERE status = 'queued';
CREATE INDEX jobs_expires ON jobs (expires) WHERE status = 'queued' AND expires IS NOT NULL;
CREATE INDEX jobs_due ON jobs (due) WHERE status = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until, lease_boot) WHERE status = 'running';
CREATE INDEX jobs_gone ON jobs (gone) WHERE gone IS NOT NULL;
CREATE INDEX jobs_claim ON jobs (claim_id) WHERE claim_id IS NOT NULL;
CREATE INDEX jobs_session ON jobs (session_id) WHERE session_id IS NOT NULL AND gone IS NULL;
CREATE INDEX jobs_tenant ON jobs (tenant, seq);
CREATE INDEX jobs_status ON jobs (status, seq);
CREATE INDEX jobs_repo ON jobs (repo_url, seq);
CREATE INDEX jobs_profile ON jobs (profile, seq);

CREATE TABLE docs (seq INTEGER PRIMARY KEY, job TEXT NOT NULL, bulk TEXT NOT NULL) STRICT;

CREATE TABLE events (
  seq INTEGER NOT NULL,
  n INTEGER NOT NULL,
  type TEXT NOT NULL,
  at TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  data TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (seq, n)
) STRICT;

CREATE TABLE messages (seq INTEGER NOT NULL, n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, message TEXT NOT NULL, UNIQUE (seq, id)) STRICT;

CREATE TABLE idempotency (tenant TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, job TEXT NOT NULL, gone INTEGER, PRIMARY KEY (tenant, key)) STRICT;
CREATE INDEX idempotency_job ON idempotency (job);
CREATE INDEX idempotency_gone ON idempotency (gone) WHERE gone IS NOT NULL;

CREATE TABLE runners (id TEXT PRIMARY KEY, name TEXT NOT NULL, record TEXT NOT NULL, seen INTEGER NOT NULL, drain INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE sessions (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, repo_key TEXT, job TEXT NOT NULL, runner TEXT NOT NULL, seen INTEGER NOT NULL) STRICT;
`;

/** The step at index n makes version n + 2 out of version n + 1. */
const steps = [
  `
CREATE TABLE locks (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL) STRICT;
ALTER TABLE jobs ADD COLUMN told_events INTEGER NOT NULL DEFAULT 0;
`,
  `
CREATE TABLE transcripts (session TEXT PRIMARY KEY, version TEXT NOT NULL, bytes INTEGER NOT NULL, box TEXT NOT NULL, data TEXT, seen INTEGER NOT NULL) STRICT;
`,
  `
CREATE TABLE worktrees (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, box TEXT NOT NULL, job TEXT NOT NULL, record TEXT NOT NULL, made INTEGER NOT NULL, gone INTEGER NOT NULL) STRICT;
CREATE INDEX worktrees_made ON worktrees (made);
CREATE INDEX worktrees_tenant ON worktrees (tenant, made);
CREATE INDEX worktrees_gone ON worktrees (gone);
CREATE INDEX transcripts_seen ON transcripts (seen);
`,
  `
CREATE TABLE budgets (name TEXT PRIMARY KEY, spent INTEGER NOT NULL, reserved INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT;
CREATE INDEX budgets_seen ON budgets (seen);
CREATE TABLE reservations (seq INTEGER NOT NULL, name TEXT NOT NULL, micros INTEGER NOT NULL, before INTEGER NOT NULL, PRIMARY KEY (seq, name)) STRICT;
`,
  `
CREATE TABLE api_keys (id TEXT PRIMARY KEY, record TEXT NOT NULL, used TEXT, revoked TEXT) STRICT;
`,
  `
CREATE TABLE relays (channel TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL, closed INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE relayed (channel TEXT NOT NULL, n INTEGER NOT NULL, id TEXT NOT NULL, text TEXT, bytes INTEGER NOT NULL, PRIMARY KEY (channel, n)) STRICT;
`,
  `
ALTER TABLE jobs ADD COLUMN notify_url TEXT;
CREATE TABLE notices (job TEXT NOT NULL, n INTEGER NOT NULL, url TEXT NOT NULL, type TEXT NOT NULL, at TEXT NOT NULL, attempt INTEGER NOT NULL, data TEXT NOT NULL,
  made INTEGER NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, take INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (job, n)) STRICT;
CREATE INDEX notices_due ON notices (due);
CREATE TABLE notified (kind TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;
`,
  `
CREATE TABLE turns (subject TEXT PRIMARY KEY, start INTEGER NOT NULL, before INTEGER NOT NULL, taken INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;
CREATE INDEX turns_until ON turns (until);
CREATE INDEX relays_until ON relays (until);
`,
] as const;

/** Kept in SQLite's `user_version`. */
export const schemaVersion = steps.length + 1;

/** What brings a file of that version (0: an empty one) up to the newest. */
export const schemaSince = (version: number): string =>
  version === 0 ? [schema, ...steps].join("") : steps.slice(version - 1).join("");
