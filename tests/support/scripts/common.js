// What the stand-ins of the vendors' front-end scripts share. They are strict: a page that uses an API in a way that its
// documents do not have gets an exception. `vendorSolve` is the test's: what comes of a person's try, or null.
"use strict";
window.standIn = {
  demand(holds, what) {
    if (!holds) throw new TypeError("wrong use of the vendor's script: " + what);
  },

  // All of the required options must be there, and none that the documents do not name.
  options(given, required, optional) {
    this.demand(given && typeof given === "object", "no options");
    for (const name of required) this.demand(given[name] !== undefined, name + " is missing");
    for (const name of Object.keys(given)) this.demand([...required, ...optional].includes(name), name + " is unknown");
  },

  element(target) {
    const found = typeof target === "string" ? document.querySelector(target) : target;
    this.demand(found instanceof HTMLElement, "there is no element " + target);
    return found;
  },

  // What a person sees: a button that is solved with one click.
  button(box, onClick) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: "Solve" });
    button.addEventListener("click", async () => {
      const solved = await onClick();
      button.textContent = solved ? "Solved" : "Solve";
    });
    box.append(button);
    return button;
  },

  // A window of the vendor's own: each button has its end, and closes it.
  opened(ends) {
    const box = document.createElement("div");
    box.style.cssText = "position: fixed; inset: 0 0 auto; z-index: 2000; background: Canvas";
    for (const [text, end] of Object.entries(ends)) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
      button.addEventListener("click", () => (box.remove(), end()));
      box.append(button);
    }
    document.body.append(box);
  },
};
