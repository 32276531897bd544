// A stand-in of TJCaptcha.js: new TencentCaptcha(appId, callback, options).show(), as Tencent's document 36841 describes it.
"use strict";
{
  let count = 0;
  window.TencentCaptcha = class TencentCaptcha {
    constructor(appId, callback, options) {
      const { standIn } = window;
      standIn.demand(typeof appId === "string" && /^[0-9]+$/.test(appId), "the appId is no text of digits");
      standIn.demand(typeof callback === "function", "there is no callback");
      standIn.options(options, [], ["userLanguage"]);
      standIn.demand(["zh-cn", "en"].includes(options.userLanguage), "userLanguage");
      this.callback = callback;
    }
    show() {
      const id = ++count;
      window.standIn.opened({
        Solve: () => this.callback({ ret: 0, ticket: `token-${id}`, randstr: `@${id}` }),
        Close: () => this.callback({ ret: 2, ticket: null }),
        Fail: () => this.callback({ ret: 0, ticket: "trerror_1001_2_3", randstr: "@x", errorCode: 1001 }),
      });
    }
  };
}
