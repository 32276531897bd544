// A stand-in of load.min.js: initNECaptcha(options, onload, onerror), as Yidun's documents and demos call it.
"use strict";
{
  let count = 0;
  window.initNECaptcha = (options, onload) => {
    const { standIn } = window;
    standIn.options(options, ["captchaId", "element", "onVerify"], ["mode", "lang", "onError"]);
    standIn.demand(/[?&]t=[0-9]+$/.test(document.querySelector("script[src*=load]").src), "an old script may be kept");
    standIn.demand(options.mode === "float" && ["zh-CN", "en"].includes(options.lang), "mode or lang");
    const box = document.querySelector(options.element);
    const input = Object.assign(document.createElement("input"), { type: "hidden", name: "NECaptchaValidate" });
    box.append(input);
    standIn.button(box, () => {
      options.onVerify(new Error("a try that failed: it begins anew by itself"));
      input.value = `token-${++count}`;
      options.onVerify(null, { validate: input.value });
    });
    setTimeout(onload, 0, { refresh: () => (input.value = "") });
  };
}
