/** What a model is told of this server before it has seen a tool. */
export const instructions = `Agenticore runs coding tasks with Claude Code on other machines; each task is a job.
1. Submit with run_task: say in \`task\` what is to be done and how to check it; name the repository in \`repo_url\`. Keep the job's id. Give an \`idempotency_key\` if you may repeat the call.
2. Wait in slices: wait_for_job with \`after\` = \`next\` of the answer before, or \`until: "end"\` to skip the steps in between. Each call ends within 50 s; jobs take minutes to hours, so call again until the status is succeeded, failed, cancelled or expired.
3. Meanwhile: send_message adds to the task or corrects its course; cancel_job stops it.
4. The result is in get_job: \`output\` is what Claude said last; \`pr_url\`, \`branch\` and \`commit\` are the work. To continue, run_task again with the job's \`session_id\` and the same \`repo_url\`.
A failed call has isError with \`code\`, \`error\` and \`remedy\`; a failed job has \`error_code\`, \`error\` and \`remedy\`. Do what the remedy says before you try again.`;
