/** What one process knows of its store and of what waits on its own disk, without asking the store. */
export type Outlook = Readonly<{
  /** Calls that the store did not answer, by operation, since the process started. */
  storeErrors: () => Readonly<Record<string, number>>;
  /** What waits for the store on this disk: jobs to be submitted, ends of attempts to be told. Absent without a spool. */
  spooled?: () => Promise<Readonly<{ submissions: number; endings: number }>>;
}>;
