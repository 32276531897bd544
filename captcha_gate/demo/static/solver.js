/**
 * Solves ALTCHA challenges (second format) on all cores, off the page's own thread. Touches no page.
 *
 * @module
 */

/** @typedef {import("./derive.js").Parameters} Parameters */
/** @typedef {{parameters: Parameters, signature: string}} Challenge */
/** @typedef {{counter: number, derivedKey: string, time: number}} Solution `time` in milliseconds */
/** @typedef {{signal?: AbortSignal, onProgress?: (tried: number) => void}} Options */

/** More than this heats a laptop without much gain. */
const MOST_WORKERS = 4;

/** How many workers search at the same time. */
export const WORKERS = Math.max(1, Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 1));

/**
 * Find the counter whose key begins as the challenge demands.
 *
 * @param {Challenge} challenge
 * @param {Options} [options] `onProgress` is told how many counters were tried so far
 * @returns {Promise<Solution>}
 * @throws {Error} where it cannot be solved here; the signal's reason where it was aborted
 */
export async function solve({ parameters }, { signal, onProgress } = {}) {
  signal?.throwIfAborted();
  if (!globalThis.isSecureContext) throw new Error("Browsers solve this on https:// and on localhost only.");
  const begun = performance.now();
  const script = new URL("./worker.js", import.meta.url);
  const workers = Array.from({ length: WORKERS }, () => new Worker(script, { type: "module" }));
  try {
    const found = await firstOf(workers, parameters, signal, onProgress);
    return { ...found, time: Math.round(performance.now() - begun) };
  } finally {
    for (const worker of workers) worker.terminate();
  }
}

/**
 * The value of the form field: challenge and solution together, so that the server need not remember either.
 *
 * @param {Challenge} challenge
 * @param {Solution} solution
 */
export function payloadOf({ parameters, signature }, solution) {
  const bytes = new TextEncoder().encode(JSON.stringify({ challenge: { parameters, signature }, solution }));
  return btoa(String.fromCharCode(...bytes));
}

/**
 * @param {Worker[]} workers
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @param {(tried: number) => void} [onProgress]
 * @returns {Promise<{counter: number, derivedKey: string}>}
 */
function firstOf(workers, parameters, signal, onProgress) {
  return new Promise((resolve, reject) => {
    let tried = 0;
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    workers.forEach((worker, first) => {
      worker.onerror = () => reject(new Error("The solver's script did not load."));
      worker.onmessage = ({ data }) => {
        if (data.problem) reject(new Error(data.problem));
        else if (data.derivedKey) resolve(data);
        else onProgress?.((tried += data.tried));
      };
      worker.postMessage({ parameters, first, step: workers.length });
    });
  });
}
