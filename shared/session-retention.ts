/**
 * How long a conversation that nobody continues is kept: its record, its copy in the store, its copy on a box. Claude
 * forgets a session's transcript after 30 days by default (`cleanupPeriodDays`); so do we. Milliseconds.
 */
export const sessionRetentionMs = 30 * 24 * 3_600_000;
