/**
 * One of several workers that share a search: tries every n-th counter until it is ended. Touches no page.
 *
 * @module
 */

import { deriver, toHex } from "./derive.js";

/** Milliseconds between two reports: often enough to look alive. */
const REPORT_EVERY = 80;
/** A counter is 32 bits wide. */
const LAST_COUNTER = 2 ** 32 - 1;

addEventListener("message", async ({ data }) => {
  try {
    postMessage(await search(data));
  } catch (error) {
    postMessage({ problem: error instanceof Error ? error.message : String(error) });
  }
});

/**
 * @param {{parameters: import("./derive.js").Parameters, first: number, step: number}} task
 * @returns {Promise<{counter: number, derivedKey: string}>}
 */
async function search({ parameters, first, step }) {
  const keyOf = deriver(parameters);
  const prefix = parameters.keyPrefix.toLowerCase();
  let reported = performance.now();
  let tried = 0;
  for (let counter = first; counter <= LAST_COUNTER; counter += step) {
    const derivedKey = toHex(await keyOf(counter));
    tried++;
    if (derivedKey.startsWith(prefix)) return { counter, derivedKey };
    if (performance.now() - reported < REPORT_EVERY) continue;
    postMessage({ tried });
    reported = performance.now();
    tried = 0;
  }
  throw new Error("No counter fits this challenge.");
}
