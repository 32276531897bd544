// A stand-in of v3.js: vaptcha(options).then(object), as VAPTCHA's deployment document describes it.
"use strict";
(() => {
  const { standIn } = window;

  window.vaptcha = async (options) => {
    standIn.options(options, ["vid", "mode", "scene"], ["type", "container", "lang", "area", "style", "color", "guide"]);
    standIn.demand(typeof options.vid === "string" && options.vid, "vid");
    standIn.demand(Number.isInteger(options.scene), "scene is no number");
    standIn.demand(["click", "invisible", "embedded"].includes(options.mode), "mode");
    standIn.demand([options.mode, undefined].includes(options.type), "type is another mode");
    standIn.given = options;
    standIn.demand(["auto", "zh-CN", "en", "zh-TW", "jp", undefined].includes(options.lang), "lang");
    standIn.demand(["auto", "sea", "na", "cn", undefined].includes(options.area), "area");
    if (options.mode !== "invisible") standIn.element(options.container);
    return new Vaptcha(options);
  };

  class Vaptcha {
    constructor(options) {
      this.options = options;
      this.told = { server: "", token: "" };
      this.heard = { pass() {}, close() {} };
      this.inputs = [];
    }

    listen(event, callback) {
      standIn.demand(event in this.heard, "there is no event " + event);
      this.heard[event] = callback;
    }

    render() {
      standIn.demand(this.options.mode !== "invisible", "render in invisible mode");
      this.button = standIn.button(standIn.element(this.options.container), () => this.solve());
    }

    async validate() {
      standIn.demand(this.options.mode === "invisible", "validate outside invisible mode");
      if (!(await this.solve())) this.heard.close();
    }

    async solve() {
      const fields = await window.vendorSolve({ vid: this.options.vid, scene: this.options.scene });
      if (!fields) return false;
      this.tell(fields.vaptcha_server, fields.vaptcha_token);
      this.heard.pass();
      return true;
    }

    renderTokenInput(target = this.options.container) {
      for (const name of ["vaptcha_server", "vaptcha_token"]) {
        const input = Object.assign(document.createElement("input"), { type: "hidden", name });
        standIn.element(target).append(input);
        this.inputs.push(input);
      }
    }

    getServerToken() {
      const told = this.told;
      this.tell("", "");
      return told;
    }

    reset() {
      this.tell("", "");
      if (this.button) this.button.textContent = "Solve";
    }

    tell(server, token) {
      this.told = { server, token };
      this.inputs.forEach((input) => (input.value = input.name === "vaptcha_token" ? token : server));
    }
  }
})();
