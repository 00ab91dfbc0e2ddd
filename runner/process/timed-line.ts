/**
 * A line for a script that reads it with `read -t` of bash(1), which gives up also in the middle of a line or right behind its
 * end. What it has read by then is put before what comes next; the end is lost, so the last word says that the line is whole.
 */
export const timedLine = (words: string): string => `${words} .\n`;
