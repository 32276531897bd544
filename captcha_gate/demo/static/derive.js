/**
 * The key behind a counter, as ALTCHA's second format defines it. Searches nothing, touches no page.
 *
 * @module
 */

/**
 * @typedef {object} Parameters What the server signed.
 * @property {string} algorithm `PBKDF2/SHA-256` (384, 512), or `SHA-256` (384, 512) alone
 * @property {string} nonce hexadecimal
 * @property {string} salt hexadecimal
 * @property {number} cost rounds per counter
 * @property {number} keyLength bytes
 * @property {string} keyPrefix hexadecimal; what the right key begins with
 * @property {number} [expiresAt] Unix time in seconds
 */

/**
 * A function that gives the key of a counter.
 *
 * @param {Parameters} parameters
 * @returns {(counter: number) => Promise<Uint8Array>}
 * @throws {Error} for an algorithm that browsers do not have
 */
export function deriver(parameters) {
  const [, pbkdf2, hash] = /^(PBKDF2\/)?(SHA-(?:256|384|512))$/.exec(parameters.algorithm) ?? [];
  if (!hash) throw new Error(`This page cannot solve ${parameters.algorithm}.`);
  const salt = fromHex(parameters.salt);
  const nonce = fromHex(parameters.nonce);
  const password = new Uint8Array(nonce.length + 4);
  const counterPart = new DataView(password.buffer, nonce.length);
  password.set(nonce);
  const derive = pbkdf2 ? stretched : repeated;
  return (counter) => {
    counterPart.setUint32(0, counter); // big-endian
    return derive(hash, password, salt, parameters);
  };
}

/**
 * @param {string} hash
 * @param {Uint8Array} password
 * @param {Uint8Array} salt
 * @param {Parameters} parameters
 */
async function stretched(hash, password, salt, { cost, keyLength }) {
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "PBKDF2", hash, salt, iterations: cost }, key, keyLength * 8));
}

/**
 * @param {string} hash
 * @param {Uint8Array} password
 * @param {Uint8Array} salt
 * @param {Parameters} parameters
 */
async function repeated(hash, password, salt, { cost, keyLength }) {
  let digest = await crypto.subtle.digest(hash, new Uint8Array([...salt, ...password]));
  for (let round = 1; round < cost; round++) digest = await crypto.subtle.digest(hash, digest);
  return new Uint8Array(digest).slice(0, keyLength);
}

/** @param {Uint8Array} bytes */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} hex */
function fromHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
