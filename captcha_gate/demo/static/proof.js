/**
 * Joins the login form and its proof of work: solve while the person types, send when there is an answer.
 *
 * @module
 */

import { ProofOfWork } from "./proof-widget.js";

const form = /** @type {HTMLFormElement} */ (document.getElementById("login"));
const box = /** @type {HTMLElement} */ (document.getElementById("pow"));
const button = /** @type {HTMLButtonElement} */ (form.querySelector("button.primary"));
const proof = new ProofOfWork(box);
let waiting = false;

form.addEventListener("input", () => {
  if (proof.state === "idle") proof.solve();
});

form.addEventListener("submit", async (event) => {
  if (proof.state === "solved") return; // an ordinary submission: the field is filled
  event.preventDefault();
  if (waiting) return;
  waiting = true;
  const solved = await proof.solve();
  waiting = false;
  if (solved) form.requestSubmit(button);
});

// The form's data have been taken. A second click now solves a new challenge instead of sending this one again.
form.addEventListener("formdata", () => proof.spend());
box.addEventListener("focus-lost", () => button.focus());

addEventListener("pagehide", () => proof.cancel());
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) proof.reset(); // Back: the form is as it was, its answer is used
});
