import type { Context } from "hono";
import { html, raw } from "hono/html";
import type { ApiEnv } from "../asked.ts";

export type Html = ReturnType<typeof html>;

/** A self-contained page: no script, nothing from elsewhere; the server's content security policy allows no more. */
export function page(c: Context<ApiEnv>, title: string, body: Html): Response | Promise<Response> {
  const nonce = c.get("secureHeadersNonce");
  return c.html(
    html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style nonce="${nonce}">${raw(style)}</style>
</head>
<body>${body}</body>
</html>`,
  );
}

/** System colours and fonts, so that light and dark, and a person's own settings, hold. */
const style = `
:root { color-scheme: light dark; --line: light-dark(#d8dbe0, #3a3f47); --soft: light-dark(#5b6270, #a2a9b6);
  --panel: light-dark(#f5f6f8, #1c2026); --good: light-dark(#0a6b2f, #6fd08c); --bad: light-dark(#a8201a, #ff8f88);
  --live: light-dark(#0b57c2, #8ab4ff); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 4rem;
  font: 1rem/1.5 system-ui, sans-serif; background: light-dark(#fff, #14171c); color: light-dark(#1a1d23, #e6e8ec); }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; } h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
p { margin: .4rem 0; max-width: 46rem; } .soft { color: var(--soft); } a { color: var(--live); }
code, pre { font: .9em/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .75rem; overflow-x: auto; white-space: pre-wrap; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th, td time, td:first-child code { overflow-wrap: normal; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
.succeeded { color: var(--good); } .failed, .expired { color: var(--bad); } .running, .queued { color: var(--live); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; } details > div { padding: 0 1rem 1rem; }
summary { cursor: pointer; padding: .6rem 1rem; overflow-wrap: anywhere; } summary:focus-visible, a:focus-visible { outline: 2px solid var(--live); }
.method { display: inline-block; min-width: 4.5rem; font: 700 .8rem ui-monospace, monospace; color: var(--live); }
ul { padding-left: 1.2rem; }
@media (max-width: 40rem) {
  table, tbody, tr, td { display: block; } thead { display: none; }
  tr { border-bottom: 1px solid var(--line); padding: .5rem 0; } td { border: 0; padding: .1rem 0; }
}
`;
