/**
 * Joins the form and the stand-in's widget: what is not solved is not sent.
 *
 * @module
 */

import { VendorWidget } from "./stand-in-widget.js";

const form = /** @type {HTMLFormElement} */ (document.getElementById("login"));
const widget = new VendorWidget(/** @type {HTMLElement} */ (document.getElementById("stand-in")));

form.addEventListener("submit", (event) => {
  if (widget.hasToken) return; // an ordinary submission: the fields are filled
  event.preventDefault();
  widget.remind();
});

// The form's data have been taken. A second click does not send this token again.
form.addEventListener("formdata", () => widget.spend());

addEventListener("pageshow", ({ persisted }) => {
  if (persisted) widget.reset(); // Back: the form is as it was, its token was sent
});
