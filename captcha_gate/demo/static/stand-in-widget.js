/**
 * In place of a vendor's widget: two buttons that solve it, rightly or wrongly, and one for the vendor's server.
 * Fills hidden inputs as the vendor's script does; sends no form.
 *
 * @module
 */

import { challengeFrom, setOutage, solve } from "./stand-in-server.js";

/** @typedef {"idle" | "solved" | "offline" | "failed" | "spent"} State */

const PLAIN = "Pass plays a person, Fail a bot.";
const ONLINE = "Online mode: the challenge is the vendor's own.";
const OFFLINE = "Offline mode: the vendor does not answer, so the challenge is the gate's.";
/** Characters of a value that are shown whole. */
const SHORT = 15;

export class VendorWidget {
  /** Counts the beginnings, so that an answer to an earlier one is dropped. */
  #round = 0;
  /** @type {import("./stand-in-server.js").Challenge | null} */
  #challenge = null;

  /** @param {HTMLElement} root the box; its `data-challenge` says where challenges come from, if there are any */
  constructor(root) {
    this.root = root;
    this.title = /** @type {HTMLElement} */ (root.querySelector(".box-title"));
    this.detail = /** @type {HTMLElement} */ (root.querySelector(".box-detail"));
    this.token = /** @type {HTMLElement} */ (root.querySelector(".token"));
    this.said = /** @type {HTMLElement} */ (root.querySelector("#outage"));
    const [pass, fail, outage] = root.querySelectorAll("button");
    this.choices = [pass, fail];
    this.switch = outage;
    pass.addEventListener("click", () => this.#solve(true));
    fail.addEventListener("click", () => this.#solve(false));
    outage.addEventListener("click", () => this.#toggle());
    this.#showOutage(root.dataset.down === "true");
    this.reset();
    root.hidden = false;
  }

  get hasToken() {
    return this.root.querySelector("input") !== null && this.root.dataset.state !== "spent";
  }

  /** Back to the beginning: what was solved is thrown away, and a new challenge is had. */
  async reset() {
    const round = ++this.#round;
    const url = this.root.dataset.challenge ?? "";
    this.#challenge = null;
    this.#show("idle", "Not solved", url ? "Asking the gate for a challenge." : PLAIN);
    try {
      const challenge = await challengeFrom(url);
      if (round !== this.#round) return;
      this.#challenge = challenge;
      if (url) this.detail.textContent = challenge.offline ? OFFLINE : ONLINE;
    } catch (error) {
      if (round === this.#round) this.#fail(error);
    }
  }

  /** Say that it has to be solved first. */
  remind() {
    if (this.root.dataset.state === "spent") return;
    this.title.textContent = "Not solved: press Pass or Fail first";
    this.choices[0].focus();
  }

  /** The token is on its way to the server: it is good once. */
  spend() {
    this.#show("spent", "Sent", "Each token is good for one request.");
  }

  /** @param {boolean} passes */
  async #solve(passes) {
    if (this.root.dataset.state === "spent" || !this.#challenge) await this.reset();
    const round = ++this.#round;
    const challenge = this.#challenge;
    if (!challenge) return; // the box says why
    try {
      const fields = await solve({ passes, ...challenge });
      if (round !== this.#round) return;
      this.#finish(passes, challenge.offline);
      this.#fill(fields);
    } catch (error) {
      if (round === this.#round) this.#fail(error);
    }
  }

  /**
   * @param {boolean} passes
   * @param {boolean} offline
   */
  #finish(passes, offline) {
    const note = this.root.dataset.note ?? "";
    if (!passes) this.#show("failed", "Solved wrongly", "This token will be refused.");
    else if (offline) this.#show("offline", "Solved offline", "By the vendor's script alone, which proves nothing.");
    else this.#show("solved", "Solved", `This token goes with the form. ${note}`);
  }

  /**
   * Hidden inputs, as the vendor's script makes them; beside them what a person may see of it.
   *
   * @param {Record<string, string>} fields
   */
  #fill(fields) {
    for (const [name, value] of Object.entries(fields)) {
      const input = Object.assign(document.createElement("input"), { type: "hidden", name, value });
      const term = Object.assign(document.createElement("dt"), { textContent: name });
      const shown = Object.assign(document.createElement("dd"), { textContent: shortened(value) });
      const row = document.createElement("div");
      row.append(term, shown, input);
      this.token.append(row);
    }
    this.token.hidden = false;
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#show("failed", "That did not work", error instanceof Error ? error.message : String(error));
  }

  async #toggle() {
    try {
      const { down } = await setOutage(this.root.dataset.down !== "true");
      this.#showOutage(down);
      if (this.root.dataset.challenge) await this.reset(); // as a page that is loaded now
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {boolean} down */
  #showOutage(down) {
    this.root.dataset.down = String(down);
    this.said.textContent = down ? "Its server is down: it answers 503." : "Its server answers.";
    this.switch.textContent = down ? "Bring the vendor back" : "Take the vendor down";
  }

  /**
   * @param {State} state
   * @param {string} title
   * @param {string} detail
   */
  #show(state, title, detail) {
    this.root.dataset.state = state;
    this.title.textContent = title;
    this.detail.textContent = detail;
    this.token.replaceChildren();
    this.token.hidden = true;
  }
}

/** @param {string} value */
function shortened(value) {
  return value.length <= SHORT ? value : `${value.slice(0, 8)}…${value.slice(-6)}`;
}
