import { sessionRetentionMs } from "../../../session-retention.ts";
import { isHeld } from "./job.ts";
import { brief, reader } from "./prologue.ts";
import { script } from "./script.ts";

/**
 * Keeps the conversation of the session that a job works in, for as long as its record from now on.
 *
 * KEYS: meta, job. ARGV: runner, fence, session, then pairs of field and value.
 * Answers: saved; lost; foreign (the job works in another session).
 */
export const saveTranscript = script(
  "save-transcript",
  [brief, reader],
  `
local runner, fence, session, fields = arg(), arg(), arg(), list()
local status, owner, number, own = unpack(call('HMGET', KEYS[2], 'status', '_runner', 'attempt', 'session_id'))
local j = {status = status, _runner = owner, attempt = number}
if not (${isHeld}) then return {'lost'} end
if own ~= session then return {'foreign'} end
local name = P .. 'transcript:' .. session
call('DEL', name)
call('HSET', name, unpack(fields))
call('PEXPIRE', name, ${sessionRetentionMs})
call('PEXPIRE', P .. 'session:' .. session, ${sessionRetentionMs})
return {'saved'}
`,
);
