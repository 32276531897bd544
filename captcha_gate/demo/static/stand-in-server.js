/**
 * What the page asks of servers: the gate for a challenge, the stand-in for a token or an outage. Shows nothing.
 *
 * @module
 */

/**
 * @typedef {object} Challenge
 * @property {string} challenge empty where the vendor has none
 * @property {boolean} offline the vendor does not answer the gate
 */

/**
 * A challenge of the gate, which had it of the vendor or, while that is down, made one itself.
 *
 * @param {string} url of the gate's own endpoint; empty where the vendor has no challenges
 * @returns {Promise<Challenge>}
 */
export async function challengeFrom(url) {
  if (!url) return { challenge: "", offline: false };
  const { challenge, success } = await ask(url, { cache: "no-store" });
  return { challenge, offline: !success };
}

/**
 * The token fields of somebody who passed or failed.
 *
 * @param {Challenge & {passes: boolean}} asked
 * @returns {Promise<Record<string, string>>}
 */
export function solve(asked) {
  return post("/stand-in/solve", asked);
}

/**
 * Take the vendor's server down, or bring it back.
 *
 * @param {boolean} down
 * @returns {Promise<{down: boolean}>}
 */
export function setOutage(down) {
  return post("/stand-in/outage", { down });
}

/**
 * @param {string} url
 * @param {object} document
 */
function post(url, document) {
  return ask(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(document) });
}

/**
 * @param {string} url
 * @param {RequestInit} options
 */
async function ask(url, options) {
  const response = await fetch(url, options).catch(() => {
    throw new Error("The server cannot be reached. Is the demo still running?");
  });
  if (!response.ok) throw new Error(`The server refused (status ${response.status}). Reload the page.`);
  return response.json();
}
