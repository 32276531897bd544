// A stand-in of riddler-sdk: new YpRiddler(options), as Yunpian's integration document describes it.
"use strict";
window.YpRiddler = class YpRiddler {
  constructor(options) {
    const { standIn } = window;
    const optional = ["noButton", "mode", "onError", "onFail", "beforeStart", "expired", "jsonpField", "rsaPublicKey"];
    const rest = ["hosts", "winWidth", "lang", "langPack", "onExit"];
    standIn.options(options, ["onSuccess", "appId", "version", "container"], [...optional, ...rest]);
    standIn.demand(new.target === YpRiddler, "it wants new");
    standIn.demand(/^[0-9a-f]{32}$/.test(options.appId), "appId is no id");
    standIn.demand(options.version === "v1", "version");
    standIn.demand(options.container instanceof HTMLElement, "container is no element");
    standIn.demand(!options.container.hasChildNodes(), "there is one in this container");
    standIn.demand(["flat", "float", "dialog", "external", undefined].includes(options.mode), "mode");
    standIn.demand(["zh-cn", "en", undefined].includes(options.lang), "lang");
    standIn.button(options.container, async () => {
      const fields = await window.vendorSolve({});
      if (!fields) return false;
      let open = true;
      options.onSuccess(fields, () => (open = false));
      standIn.demand(!open, "the window was not closed");
      return true;
    });
  }
};
