// A stand-in of the siteverify family's scripts: what their documents have in common, under the name that each gives it.
"use strict";
(() => {
  let count = 0;
  const token = () => `token-${++count}`;

  function button(box, onClick) {
    const made = document.createElement("button");
    Object.assign(made, { type: "button", textContent: "Solve" });
    made.addEventListener("click", onClick);
    box.append(made);
  }

  // As these scripts do: a button in the box, and an input of their own beside it.
  function widgets(field, callback, key = "sitekey") {
    const drawn = [];
    const solve = (id) => {
      const given = token();
      drawn[id].input.value = given;
      drawn[id].options[callback](given);
    };
    return {
      render(box, options) {
        if (!options[key]) throw new TypeError("no site key");
        const id = drawn.length;
        const input = Object.assign(document.createElement("input"), { type: "hidden", name: field });
        if (options["response-field"] !== false) box.append(input);
        window.asked = `render ${options.action}`;
        drawn.push({ input, options });
        if (options.size !== "invisible") button(box, () => solve(id));
        return id;
      },
      reset(id) {
        drawn[id].input.value = "";
      },
      execute: (id) => void setTimeout(() => solve(id)),
    };
  }

  const scored = {
    ready: (callback) => callback(),
    async execute(key, { action }) {
      if (!key) throw new TypeError("no site key");
      window.asked = `execute ${action}`;
      return token();
    },
  };
  const google = widgets("g-recaptcha-response", "callback");
  window.grecaptcha = {
    ...google,
    ...scored,
    execute: (...given) => (given.length > 1 ? scored.execute(...given) : google.execute(...given)),
    enterprise: scored,
  };
  window.turnstile = widgets("cf-turnstile-response", "callback");
  window.hcaptcha = widgets("h-captcha-response", "callback");
  window.smartCaptcha = widgets("smart-token", "callback");
  const fox = widgets("cf-captcha-response", "onVerify");
  window.captchafox = { ...fox, render: async (...given) => fox.render(...given) };
  const { render } = widgets("procaptcha-response", "callback", "siteKey");
  window.procaptcha = { render };

  window.frcaptcha = {
    createWidget({ element, sitekey, startMode }) {
      if (!sitekey || startMode !== "none") throw new TypeError("wrong options");
      element.append(Object.assign(document.createElement("input"), { type: "hidden", name: "frc-captcha-response" }));
      return {
        addEventListener: element.addEventListener.bind(element),
        start: () => element.dispatchEvent(new CustomEvent("frc:widget.complete", { detail: { response: token() } })),
        reset() {},
      };
    },
  };

  window.privateCaptcha = {
    setup() {
      for (const element of document.querySelectorAll(".private-captcha:not([data-attached])")) {
        element.dataset.attached = "1";
        let solution = "";
        const widget = { solution: () => solution, reset: () => (solution = "") };
        widget.execute = () => ((solution = token()), window[element.dataset.finishedCallback](widget));
        element[element.dataset.storeVariable] = widget;
      }
    },
  };

  customElements.define(
    "cap-widget",
    class extends HTMLElement {
      async solve() {
        if (!this.getAttribute("data-cap-api-endpoint")) throw new TypeError("no endpoint");
        this.dispatchEvent(new CustomEvent("solve", { detail: { token: token() } }));
      }
      reset() {}
    },
  );
})();
