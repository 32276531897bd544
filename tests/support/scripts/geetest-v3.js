// A stand-in of gt.js: initGeetest(options, callback), as sensebot/apirefer/api/web describes it.
"use strict";
(() => {
  const { standIn } = window;
  const seen = new Set();
  const NAMES = ["geetest_challenge", "geetest_validate", "geetest_seccode"];

  window.initGeetest = (options, callback) => {
    const optional = ["product", "width", "lang", "https", "timeout", "api_server", "area", "next_width", "hideSuccess"];
    standIn.options(options, ["gt", "challenge", "offline", "new_captcha"], optional);
    standIn.demand(/^[0-9a-f]{32}$/.test(options.gt), "gt is no id");
    standIn.demand(/^[0-9a-z]{32,66}$/.test(options.challenge), "challenge is none");
    standIn.demand(typeof options.offline === "boolean" && options.new_captcha === true, "offline, new_captcha");
    standIn.demand(["popup", "float", "custom", "bind", undefined].includes(options.product), "product");
    standIn.demand(!seen.has(options.challenge), "old challenge");
    standIn.demand(typeof callback === "function", "no callback");
    seen.add(options.challenge);
    setTimeout(() => callback(new Captcha(options)));
  };

  class Captcha {
    constructor(options) {
      this.options = options;
      this.solved = false;
      this.heard = { success() {}, error() {} };
    }
    onSuccess(callback) { this.heard.success = callback; return this; }
    onError(callback) { this.heard.error = callback; return this; }
    onClose(callback) { this.heard.close = callback; return this; }
    onReady(callback) { setTimeout(() => callback((this.ready = true)), 500); return this; }
    getValidate() { return this.solved; }

    appendTo(target) {
      const box = standIn.element(target);
      const inputs = NAMES.map((name) => Object.assign(document.createElement("input"), { type: "hidden", name }));
      box.append(...inputs);
      standIn.button(box, () => this.solve(inputs));
      return this;
    }

    verify() {
      standIn.demand(this.options.product === "bind" && this.ready, "verify without bind, or too early");
      standIn.opened({ Solve: () => this.solve([]), Close: () => this.heard.close() });
    }

    async solve(inputs) {
      const { challenge, offline } = this.options;
      const fields = await window.vendorSolve({ challenge, offline });
      if (!fields) return false;
      inputs.forEach((input) => (input.value = fields[input.name]));
      this.solved = fields;
      this.heard.success();
      return true;
    }
  }
})();
