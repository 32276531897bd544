// A stand-in of mtcaptcha.min.js with explicit rendering: its settings, and the names of its callbacks, stand in `window`.
"use strict";
{
  const { demand, options, button } = window.standIn;
  const settings = window.mtcaptchaConfig;
  const callbacks = ["verified-callback", "verifyexpired-callback", "error-callback"];
  options.call(window.standIn, settings, ["sitekey", "renderQueue", ...callbacks], ["lang", "action"]);
  const boxes = {};
  let count = 0;
  window.asked = `render ${settings.action}`;
  window.mtcaptcha = {
    renderUI(domID) {
      const box = document.getElementById(domID);
      demand(box && !boxes[domID], "there is no such element, or it is drawn");
      const input = Object.assign(document.createElement("input"), { type: "hidden", name: "mtcaptcha-verifiedtoken" });
      boxes[domID] = input;
      box.append(input);
      button(box, () => {
        input.value = `token-${++count}`;
        window[settings["verified-callback"]]({ domID, isVerified: true, verifiedToken: input.value });
      });
    },
    resetUI(domID) {
      boxes[domID].value = "";
    },
  };
}
