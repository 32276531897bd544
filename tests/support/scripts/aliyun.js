// A stand-in of AliyunCaptcha.js, architecture V3: one initAliyunCaptcha in a page, whose window a button opens.
"use strict";
{
  const { demand, options, opened } = window.standIn;
  const { region, prefix } = window.AliyunCaptchaConfig;
  const begun = performance.now();
  let count = 0;
  demand(["cn", "sgp"].includes(region) && prefix, "AliyunCaptchaConfig");
  window.initAliyunCaptcha = (given) => {
    const required = ["SceneId", "mode", "element", "button", "success", "fail", "getInstance"];
    options.call(window.standIn, given, required, ["language", "onClose", "onError"]);
    demand(!window.aliyunBegan, "a page has one instance");
    window.aliyunBegan = true;
    demand(given.mode === "popup" && ["cn", "en"].includes(given.language), "mode or language");
    demand(document.querySelector(given.element), "there is no element");
    document.querySelector(given.button).addEventListener("click", () => {
      demand(performance.now() - begun > 2000, "it was asked too early");
      const close = (why) => given.onClose(why);
      opened({
        Solve: () => (close("verifyComplete"), given.success(`token-${++count}`)),
        Close: () => close("userDismiss"),
        Fail: () => given.onError({ code: "InitError" }),
      });
    });
    given.getInstance({});
  };
}
