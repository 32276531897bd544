// A stand-in of gt4.js: initGeetest4(options, callback), as gt4/apirefer/api/web describes it.
"use strict";
(() => {
  const { standIn } = window;

  window.initGeetest4 = (options, callback) => {
    standIn.options(options, ["captchaId"], ["product", "language", "protocol", "timeout", "riskType", "offlineCb"]);
    standIn.demand(/^[0-9a-f]{32}$/.test(options.captchaId), "captchaId is no id");
    standIn.demand(["float", "popup", "bind", undefined].includes(options.product), "product");
    standIn.demand(typeof callback === "function", "no callback");
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
      standIn.demand(this.options.product !== "bind", "appendTo with product bind");
      this.button = standIn.button(standIn.element(target), () => this.solve());
      return this;
    }

    showCaptcha() {
      standIn.demand(this.options.product === "bind" && this.ready, "showCaptcha without bind, or too early");
      standIn.opened({ Solve: () => this.solve(), Close: () => this.heard.close() });
    }

    async solve() {
      const fields = await window.vendorSolve({});
      this.solved = fields ? { captcha_id: this.options.captchaId, ...fields } : false;
      if (fields) this.heard.success();
      return Boolean(fields);
    }

    reset() {
      this.solved = false;
      if (this.button) this.button.textContent = "Solve";
      return this;
    }
  }
})();
