/**
 * The proof of work as a person sees it: one box that says what is going on. Sends no form.
 *
 * @module
 */

import { WORKERS, payloadOf, solve } from "./solver.js";

/** @typedef {"idle" | "working" | "solved" | "spent" | "failed"} State */

/** The label of the button in each state; none where there is nothing to press. */
const BUTTONS = { idle: "Start", working: "Cancel", solved: "", spent: "", failed: "Try again" };
/** Milliseconds before its end from which on an answer is no longer offered. */
const MARGIN = 5000;

export class ProofOfWork {
  /** @type {Promise<boolean> | null} */
  #running = null;
  /** @type {AbortController} */
  #abort = new AbortController();
  #expiry = 0;

  /**
   * @param {HTMLElement} root the box; its `data-challenge` says where challenges come from
   */
  constructor(root) {
    this.root = root;
    this.field = /** @type {HTMLInputElement} */ (root.querySelector("input[type=hidden]"));
    this.title = /** @type {HTMLElement} */ (root.querySelector(".box-title"));
    this.detail = /** @type {HTMLElement} */ (root.querySelector(".box-detail"));
    this.button = /** @type {HTMLButtonElement} */ (root.querySelector("button"));
    this.progress = /** @type {HTMLProgressElement} */ (root.querySelector("progress"));
    this.button.addEventListener("click", () => (this.state === "working" ? this.cancel() : this.solve()));
    this.reset();
    root.hidden = false;
  }

  get state() {
    return /** @type {State} */ (this.root.dataset.state);
  }

  /** Back to the beginning; what was solved is thrown away. */
  reset() {
    this.#abort.abort();
    this.#show("idle", "Proof of work", "A small calculation, no puzzle.");
  }

  /**
   * Solve a new challenge. Asked again meanwhile, it is the same one.
   *
   * @returns {Promise<boolean>} whether there is an answer
   */
  solve() {
    this.#running ??= this.#solve().finally(() => (this.#running = null));
    return this.#running;
  }

  /** Stop working. */
  cancel() {
    this.#abort.abort();
  }

  /** The answer is on its way to the server: it is good once. */
  spend() {
    if (this.state === "solved") this.#show("spent", "Sent", "Each answer is good for one request.");
  }

  async #solve() {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#show("working", "Working…", "Asking for a challenge.");
    try {
      const challenge = await this.#challenge(signal);
      const solution = await solve(challenge, { signal, onProgress: (tried) => this.#count(tried) });
      this.#finish(challenge, solution);
      return true;
    } catch (error) {
      if (this.state !== "working") return false; // it was reset, and says so already
      if (signal.aborted) this.#show("failed", "Cancelled", "Needed to log in.");
      else this.#show("failed", "That did not work", error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  /** @param {AbortSignal} signal */
  async #challenge(signal) {
    const url = this.root.dataset.challenge ?? "";
    const response = await fetch(url, { signal, cache: "no-store" }).catch((error) => {
      throw signal.aborted ? error : new Error("The server cannot be reached. Is the demo still running?");
    });
    if (!response.ok) throw new Error(`The server gave no challenge (status ${response.status}).`);
    return /** @type {Promise<import("./solver.js").Challenge>} */ (response.json());
  }

  /** @param {number} tried */
  #count(tried) {
    this.progress.value = tried;
    this.detail.textContent = `${tried.toLocaleString("en")} tries by ${workers()}`;
  }

  /**
   * @param {import("./solver.js").Challenge} challenge
   * @param {import("./solver.js").Solution} solution
   */
  #finish(challenge, solution) {
    const seconds = (solution.time / 1000).toFixed(1);
    const hadFocus = document.activeElement === this.button;
    this.#show("solved", "Solved", `Counter ${solution.counter.toLocaleString("en")} fits, found in ${seconds}\u00a0s.`);
    this.field.value = payloadOf(challenge, solution);
    if (hadFocus) this.root.dispatchEvent(new CustomEvent("focus-lost")); // its button is gone
    const { expiresAt } = challenge.parameters;
    if (expiresAt) this.#expiry = setTimeout(() => this.reset(), Math.max(0, expiresAt * 1000 - Date.now() - MARGIN));
  }

  /**
   * @param {State} state
   * @param {string} title
   * @param {string} detail
   */
  #show(state, title, detail) {
    clearTimeout(this.#expiry);
    if (state !== "spent") this.field.value = "";
    this.root.dataset.state = state;
    this.title.textContent = title;
    this.detail.textContent = detail;
    this.button.textContent = BUTTONS[state];
    this.button.hidden = !BUTTONS[state];
    this.progress.hidden = state !== "working";
    this.progress.value = 0;
  }
}

function workers() {
  return WORKERS === 1 ? "1 worker" : `${WORKERS} workers`;
}
