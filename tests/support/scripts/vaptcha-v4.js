// A stand-in of v4.js: vaptcha(options).then(object), whose validate() gives what sites of that generation submit.
"use strict";
window.vaptcha = async (options) => {
  const { standIn } = window;
  standIn.options(options, ["vid", "container"], ["lang", "color"]);
  standIn.demand(/^id_/.test(options.vid), "vid is no id");
  standIn.element(options.container).textContent = "VAPTCHA";
  return {
    async validate() {
      const fields = await window.vendorSolve({});
      if (!fields) return null;
      return {
        token: fields.vaptcha_token,
        knock: fields.vaptcha_knock,
        dfu: fields.vaptcha_dfu,
        ip: fields.vaptcha_ip,
      };
    },
  };
};
