/**
 * The person's side of the gate: draws the CAPTCHA of a rule, puts its fields into forms and requests, runs the
 * challenge page, and solves the embedded proof of work as a worker of itself. Decides nothing: the gate does.
 *
 * <script src="/captcha-gate/gate.js" defer></script>
 * <form data-captcha-gate="login">        gets the CAPTCHA of that rule, before its button or in an element
 *                                         [data-captcha-gate-widget] of its own
 * captchaGate.fetch(url, {rule: "login"}) as fetch; where the gate refuses, asks the person and tries once more
 * captchaGate.token("login")              the fields, for a body that one writes oneself
 * captchaGate.attach(form)                for a form that came later
 * captchaGate.reset(form)                 after its answer was used by other means
 *
 * It draws the gate's own types of provider but two, which need a page of one's own: "altcha-sentinel", whose widget and
 * challenges come from a server that the gate never asks, and "siteverify", of which the gate knows the server alone.
 *
 * What it says comes from words.json by way of GET …/config. `captcha` names the widget; its states are `loading`,
 * `idle`, `working`, `solve` (asked of the person), `solved`, `expired`, `closed`, `other` (the next provider is tried),
 * `not_loaded`, `unloaded` (one may go on without), `insecure` (no https); its buttons `retry`, `cancel`, `pass`, `fail`; the dialog has `dialog_title`; the
 * challenge page `going_on`, `go_back`, `again`, `no_cookies`, `refused`, `too_many`, `out_of_order`. Keys that begin
 * with `page_` are for the template.
 */
"use strict";

// A block, so that no name of it meets one of the site's scripts, however often it is loaded.
{
  /**
   * @typedef {object} Provider as GET …/config tells it
   * @property {string} name
   * @property {string} type
   * @property {string | null} site_key
   * @property {string | null} script where the vendor's script is
   * @property {string | null} challenge where the gate's own challenges come from
   * @property {Record<string, string>} fields the vendor's name of each field: this site's name of it
   * @property {Record<string, string>} headers the vendor's name of each field: its header
   * @property {Record<string, any>} options
   */
  /** @typedef {Record<string, string>} Words */
  /**
   * @typedef {object} Config
   * @property {string} rule
   * @property {string | null} verify where an answer gets a clearance
   * @property {string} language
   * @property {Words} words
   * @property {Provider[]} providers in the rule's order
   * @property {{provider: string, token: Fields} | null} [unloaded] what to send where none of them loads
   */
  /** @typedef {Record<string, string>} Fields by the vendor's names */
  /**
   * @typedef {object} Tell what an adapter reports
   * @property {(answer: string | Record<string, unknown>) => void} solved with the fields, or the only one
   * @property {(told?: unknown) => void} expired the answer is no longer good
   * @property {(told?: unknown) => void} closed the person closed what the vendor had opened
   * @property {(told?: unknown) => void} failed the vendor cannot be used
   */
  /**
   * @typedef {object} Handle a drawn CAPTCHA
   * @property {() => unknown} [execute] gets an answer, or opens what gets one. Without it, a person begins by hand.
   * @property {() => void} [reset] makes it ready for another answer. Without it, it is drawn anew.
   */
  /**
   * @typedef {object} Adapter one kind of provider
   * @property {(options: Record<string, any>) => boolean} [alone] it gets answers by `execute`, out of
   *   sight or in a window that it opens itself
   * @property {boolean} [early] it may begin while the person types: its answers last, and nothing is opened
   * @property {boolean} [begins] it begins by itself, so that to wait is enough; it may want the person in the end
   * @property {boolean} [overlay] it opens a window in the page, which a modal dialog would cover and disable
   * @property {boolean} [module] its script is a module
   * @property {boolean} [unscripted] it is drawn without its script
   * @property {(provider: Provider, language: string) => Record<string, unknown>} [globals] what its script reads in
   *   `window`, once: of such a vendor a page has one account
   * @property {(provider: Provider, language: string) => Record<string, string>} [query] for the URL of its script
   * @property {Draw} draw
   */
  /** @typedef {(box: HTMLElement, provider: Provider, tell: Tell, config: Config) => Promise<Handle>} Draw */
  /**
   * @typedef {object} Parameters of a challenge, as the server signed them; binary values in hexadecimal
   * @property {string} algorithm
   * @property {string} nonce
   * @property {string} salt
   * @property {number} cost rounds for each counter
   * @property {number} keyLength in bytes
   * @property {string} keyPrefix how the right key begins
   * @property {number} [expiresAt] Unix time in seconds
   */
  /** @typedef {{parameters: Parameters, first: number, step: number}} Task */
  /** @typedef {{counter: number, derivedKey: string}} Found */
  /** @typedef {Uint8Array<ArrayBuffer>} Bytes */
  /** @typedef {(hash: string, password: Bytes, salt: Bytes, cost: number, length: number) => Promise<Bytes>} Derive */

  // ---- The proof of work: ALTCHA's second format. This part runs in the workers.

  /** Milliseconds between two reports: often enough to look alive. */
  const REPORT_EVERY = 80;
  /** A counter is 32 bits wide. */
  const LAST_COUNTER = 2 ** 32 - 1;

  /**
   * Try every n-th counter until one gives the key that the challenge demands.
   *
   * @param {Task} task
   * @param {(tried: number) => unknown} report counters since the last report; `false` ends the search
   * @returns {Promise<Found>}
   */
  async function search({ parameters, first, step }, report) {
    const keyOf = deriver(parameters);
    const prefix = parameters.keyPrefix.toLowerCase();
    let [reported, tried] = [performance.now(), 0];
    for (let counter = first; counter <= LAST_COUNTER; counter += step) {
      const derivedKey = toHex(await keyOf(counter));
      tried++;
      if (derivedKey.startsWith(prefix)) return { counter, derivedKey };
      if (performance.now() - reported < REPORT_EVERY) continue;
      if (report(tried) === false) break;
      [reported, tried] = [performance.now(), 0];
    }
    throw new Error("No counter was found.");
  }

  /**
   * @param {Parameters} parameters
   * @returns {(counter: number) => Promise<Bytes>} the key of a counter
   */
  function deriver({ algorithm, nonce, salt, cost, keyLength }) {
    const [, pbkdf2, hash] = /^(PBKDF2\/)?(SHA-(?:256|384|512))$/.exec(algorithm) ?? [];
    if (!hash) throw new Error(`Browsers cannot compute ${algorithm}.`);
    const [begin, saltBytes] = [fromHex(nonce), fromHex(salt)];
    const password = new Uint8Array(begin.length + 4);
    password.set(begin);
    const counterPart = new DataView(password.buffer, begin.length);
    const derive = pbkdf2 ? stretched : repeated;
    return (counter) => {
      counterPart.setUint32(0, counter); // big-endian
      return derive(hash, password, saltBytes, cost, keyLength);
    };
  }

  /** @type {Derive} */
  async function stretched(hash, password, salt, cost, keyLength) {
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    return new Uint8Array(
      await crypto.subtle.deriveBits({ name: "PBKDF2", hash, salt, iterations: cost }, key, keyLength * 8),
    );
  }

  /** @type {Derive} */
  async function repeated(hash, password, salt, cost, keyLength) {
    let digest = await crypto.subtle.digest(hash, new Uint8Array([...salt, ...password]));
    for (let round = 1; round < cost; round++) digest = await crypto.subtle.digest(hash, digest);
    return new Uint8Array(digest).slice(0, keyLength);
  }

  /** @param {Uint8Array} bytes */
  const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  /** @param {string} hex */
  const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

  if (typeof document === "undefined") {
    addEventListener("message", ({ data }) => {
      const report = (/** @type {number} */ tried) => postMessage({ tried });
      search(data, report).then(
        (found) => postMessage({ found }),
        (error) => postMessage({ problem: String(error) }),
      );
    });
  }

  // ---- What every part of the page needs

  const script = /** @type {HTMLScriptElement} */ (globalThis.document?.currentScript);
  const here = script?.src ?? "";
  const nonce = script?.nonce ?? "";
  /** Milliseconds that a vendor's script has before the next provider is tried. */
  const PATIENCE = 6000;
  /** All that there is to say before the gate's words came, or where they do not. */
  const FIRST_WORDS = {
    not_loaded: "The CAPTCHA cannot be loaded. Check your connection, then try again.",
    retry: "Try again",
  };

  /**
   * @template {keyof HTMLElementTagNameMap} Tag
   * @param {Tag} tag
   * @param {Record<string, string>} [attributes]
   * @param {(Node | string)[]} children
   */
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  /**
   * @param {string} text
   * @param {() => void} onClick
   */
  function button(text, onClick) {
    const made = element("button", { type: "button" }, text);
    made.addEventListener("click", onClick);
    return made;
  }

  /** @param {string} url @param {RequestInit} [options] */
  async function ask(url, options) {
    const response = await fetch(new URL(url, here), { cache: "no-store", ...options });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return response;
  }

  /** @type {Map<string, Promise<Config>>} */
  const configs = new Map();

  /** @param {string} rule @returns {Promise<Config>} */
  function configOf(rule) {
    const asked =
      configs.get(rule) ?? ask(`config?rule=${encodeURIComponent(rule)}`).then((response) => response.json());
    configs.set(rule, asked);
    asked.catch(() => configs.delete(rule)); // the next who asks tries again
    return asked;
  }

  /** @type {Map<string, Promise<unknown>>} */
  const scripts = new Map();

  /**
   * @param {string} source
   * @param {Record<string, string>} query
   * @param {boolean} [module]
   */
  function load(source, query, module) {
    const url = new URL(source, here);
    if (!/^https?:$/.test(url.protocol)) throw new Error("not the address of a script");
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const loading = scripts.get(url.href) ?? loaded(url.href, module);
    scripts.set(url.href, loading);
    loading.catch(() => scripts.delete(url.href));
    return loading;
  }

  /** @param {string} src @param {boolean} [module] */
  function loaded(src, module) {
    return new Promise((resolve, reject) => {
      const tag = Object.assign(document.createElement("script"), { src, nonce, async: true });
      if (module) tag.type = "module";
      const fail = () => (tag.remove(), reject(new Error(`${src} did not load`)));
      tag.addEventListener("load", resolve);
      tag.addEventListener("error", fail);
      setTimeout(fail, PATIENCE);
      document.head.append(tag);
    });
  }

  /**
   * What a vendor's script leaves in `window`: with some, a moment after it has loaded.
   *
   * @param {() => any} find
   */
  async function present(find) {
    for (let waited = 0; waited < PATIENCE; waited += 50) {
      const found = find();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("the vendor's script made no object");
  }

  // ---- The adapters: how each kind is drawn, as its vendor documents it

  const win = /** @type {any} */ (globalThis.window);
  /** @param {string} language @param {string} chinese @param {string} other */
  const tongue = (language, chinese, other) => (language.startsWith("zh") ? chinese : other);
  /** @param {string} language as Google, hCaptcha, Cloudflare and CaptchaFox write it */
  const hl = (language) => tongue(language, "zh-CN", language);
  /** @param {Record<string, any>} options @param {Record<string, string>} names option: what the vendor calls it */
  const renamed = (options, names) =>
    Object.fromEntries(
      Object.entries(names).flatMap(([name, theirs]) => (name in options ? [[theirs, options[name]]] : [])),
    );

  let names = 0;
  /** For vendors who want an element by its id. @param {HTMLElement} place */
  const named = (place) => (place.id = `captcha-gate-${++names}`);

  /**
   * The siteverify family: `render` gives an id, which `reset` and `execute` take.
   *
   * @param {object} row
   * @param {() => any} row.api
   * @param {Partial<Record<keyof Tell, string>>} row.on what the vendor calls each callback
   * @param {string} [row.key] what the vendor calls the site key
   * @param {Record<string, string>} [row.takes] options of the policy: what the vendor calls them
   * @param {(language: string) => object} [row.more] further options
   * @param {boolean} [row.redraws] its documents have no reset
   * @returns {Draw}
   */
  const rendered =
    ({ api, on, key = "sitekey", takes = {}, more, redraws }) =>
    async (box, provider, tell, { language }) => {
      const vendor = await present(api);
      /** @type {Record<string, unknown>} */
      const options = { [key]: provider.site_key, ...more?.(language), ...renamed(provider.options, takes) };
      for (const event of /** @type {(keyof Tell)[]} */ (Object.keys(on))) {
        // `true`: heard, as Turnstile wants to be told of its errors.
        options[on[event] ?? ""] = (/** @type {any} */ told) => (tell[event](told), true);
      }
      const id = await vendor.render(box, options);
      return { execute: () => vendor.execute(id), reset: redraws ? undefined : () => vendor.reset(id) };
    };

  /**
   * Google's scores: nothing is drawn, and a token is made when it is needed, for it lasts two minutes.
   *
   * @param {() => any} api
   * @returns {Adapter}
   */
  const scored = (api) => ({
    alone: always,
    query: ({ site_key }, language) => ({ render: site_key ?? "", hl: hl(language) }),
    async draw(_, { site_key, options }, tell) {
      const google = await present(api);
      await new Promise((ready) => google.ready(ready));
      return {
        execute: async () => tell.solved(await google.execute(site_key, renamed(options, { action: "action" }))),
        reset() {},
      };
    },
  });

  const always = () => true;
  const invisible = (/** @type {Record<string, any>} */ { size }) => size === "invisible";
  const bound = (/** @type {Record<string, any>} */ { product }) => product === "bind";
  const MINUTE = String(Math.floor(Date.now() / 60_000));
  const ON = { solved: "callback", expired: "expired-callback", failed: "error-callback" };

  /** @type {Record<string, Adapter>} */
  const ADAPTERS = {
    altcha: { alone: always, early: true, draw: proofOfWork },
    fake: { draw: passOrFail },
    "geetest-v3": { alone: bound, overlay: true, draw: geetest3 },
    "geetest-v4": { alone: bound, overlay: true, draw: geetest4 },
    yunpian: { overlay: true, draw: yunpian },
    vaptcha: { overlay: true, draw: vaptcha3 },
    "vaptcha-v4": { alone: always, overlay: true, draw: vaptcha4 },
    turnstile: {
      begins: true,
      query: () => ({ render: "explicit" }),
      draw: rendered({
        api: () => win.turnstile,
        on: ON,
        takes: { action: "action", cdata: "cData", size: "size", appearance: "appearance" },
        more: (language) => ({ language: hl(language), "response-field": false }),
      }),
    },
    hcaptcha: {
      alone: invisible,
      overlay: true,
      query: (_, language) => ({ render: "explicit", recaptchacompat: "off", hl: hl(language) }),
      draw: rendered({
        api: () => win.hcaptcha,
        on: { ...ON, closed: "close-callback" },
        takes: { size: "size" },
      }),
    },
    "recaptcha-v2": {
      alone: invisible,
      overlay: true,
      query: (_, language) => ({ render: "explicit", hl: hl(language) }),
      draw: rendered({ api: () => win.grecaptcha?.render && win.grecaptcha, on: ON, takes: { size: "size" } }),
    },
    "recaptcha-v3": scored(() => win.grecaptcha),
    "recaptcha-enterprise": scored(() => win.grecaptcha?.enterprise),
    captchafox: {
      alone: ({ mode }) => mode === "hidden",
      overlay: true,
      query: () => ({ render: "explicit" }),
      draw: rendered({
        api: () => win.captchafox,
        on: { solved: "onVerify", expired: "onExpire", closed: "onClose", failed: "onError" },
        takes: { mode: "mode" },
        more: (language) => ({ lang: hl(language), nonce }),
      }),
    },
    yandex: {
      alone: (options) => options.invisible === true,
      overlay: true,
      draw: rendered({
        api: () => win.smartCaptcha,
        on: { solved: "callback" },
        takes: { invisible: "invisible" },
      }),
    },
    prosopo: {
      overlay: true,
      module: true,
      draw: rendered({
        api: () => win.procaptcha,
        on: { ...ON, closed: "close-callback" },
        key: "siteKey",
        takes: { captcha_type: "captchaType" },
        redraws: true,
      }),
    },
    mtcaptcha: { globals: mtcaptchaGlobals, draw: mtcaptcha },
    mcaptcha: { unscripted: true, draw: mcaptcha },
    tencent: { alone: always, overlay: true, draw: tencent },
    aliyun: { alone: always, overlay: true, globals: aliyunGlobals, draw: aliyun },
    // Its documents want a new address each minute, so that an old script is not kept.
    yidun: { overlay: true, query: () => ({ t: MINUTE }), draw: yidun },
    "friendly-v1": { alone: always, early: true, module: true, draw: friendly1 },
    "friendly-v2": { alone: always, early: true, module: true, draw: friendly },
    "private-captcha": { alone: always, early: true, draw: privateCaptcha },
    cap: { alone: always, early: true, draw: cap },
  };

  /** @type {Draw} */
  async function passOrFail(box, _, tell, { words }) {
    box.append(...["pass", "fail"].map((token) => button(words[token], () => tell.solved(token))));
    return { reset() {} };
  }

  /**
   * A challenge is good once, so it is drawn anew for each answer. With `success: 0` GeeTest is down, and its script
   * does without: what that proves, the gate decides.
   *
   * @type {Draw}
   */
  async function geetest3(box, provider, tell, { language }) {
    const { gt, challenge, success, new_captcha } = await (await ask(provider.challenge ?? "")).json();
    const { product } = provider.options;
    const options = {
      gt,
      challenge,
      new_captcha,
      offline: !success,
      product,
      lang: tongue(language, "zh-cn", "en"),
      https: true,
    };
    await present(() => win.initGeetest);
    const captcha = await new Promise((made) => win.initGeetest(options, made));
    return shown(box, captcha, product, tell, "verify");
  }

  /** @type {Draw} */
  async function geetest4(box, { site_key, options }, tell, { language }) {
    const { product } = options;
    const wanted = { captchaId: site_key, product, language: tongue(language, "zho", "eng") };
    await present(() => win.initGeetest4);
    const captcha = await new Promise((made) => win.initGeetest4(wanted, made));
    return { ...shown(box, captcha, product, tell, "showCaptcha"), reset: () => captcha.reset() };
  }

  /**
   * GeeTest's button in the box, or (`bind`) its window when the form is sent.
   *
   * @param {HTMLElement} box
   * @param {any} captcha
   * @param {string} product
   * @param {Tell} tell
   * @param {string} open the method that opens the window
   * @returns {Handle}
   */
  function shown(box, captcha, product, tell, open) {
    captcha.onError(() => tell.failed());
    captcha.onSuccess(() => tell.solved(captcha.getValidate()));
    if (!bound({ product })) return (captcha.appendTo(box), {});
    captcha.onClose(tell.closed);
    const ready = new Promise((resolve) => captcha.onReady(resolve)); // before, it opens nothing
    return { execute: () => ready.then(() => captcha[open]()) };
  }

  /** @type {Draw} */
  async function yunpian(box, { site_key }, tell, { language }) {
    const YpRiddler = await present(() => win.YpRiddler);
    new YpRiddler({
      container: box,
      appId: site_key,
      version: "v1",
      mode: "dialog",
      winWidth: "90%",
      lang: tongue(language, "zh-cn", "en"),
      onSuccess: (/** @type {Fields} */ fields, /** @type {() => void} */ close) => (close(), tell.solved(fields)),
      onFail: (/** @type {unknown} */ _, /** @type {unknown} */ __, /** @type {() => void} */ retry) => retry(),
      onError: () => tell.failed(),
    });
    return {};
  }

  /** @type {Draw} */
  async function vaptcha3(box, { site_key, options }, tell, { language }) {
    const make = await present(() => win.vaptcha);
    const [lang, scene] = [tongue(language, "zh-CN", "en"), Number(options.scene ?? 0)];
    const captcha = await make({ vid: site_key, mode: "click", scene, container: box, lang, area: "auto" });
    captcha.listen("pass", () => {
      const { server, token } = captcha.getServerToken(); // asked once: it is empty afterwards
      tell.solved({ vaptcha_server: server, vaptcha_token: token });
    });
    captcha.render();
    return { reset: () => captcha.reset() };
  }

  /**
   * Its tokens last seconds: it is solved when the form is sent.
   *
   * @type {Draw}
   */
  async function vaptcha4(box, { site_key }, tell, { language }) {
    const make = await present(() => win.vaptcha);
    const captcha = await make({ vid: site_key, container: box, lang: tongue(language, "zh-CN", "en") });
    const execute = async () => {
      const solved = await captcha.validate();
      if (!solved) return tell.closed();
      tell.solved(Object.fromEntries(Object.entries(solved).map(([name, value]) => [`vaptcha_${name}`, value])));
    };
    return { execute, reset() {} };
  }

  /**
   * Its window opens when the form is sent.
   *
   * @type {Draw}
   */
  async function tencent(_, { site_key }, tell, { language }) {
    const TencentCaptcha = await present(() => win.TencentCaptcha);
    const userLanguage = tongue(language, "zh-cn", "en");
    /** @param {any} told */
    const heard = ({ ret, ticket, randstr, errorCode }) => {
      if (ret !== 0) tell.closed();
      // What the script makes up where it cannot ask its server, the gate refuses: anybody can.
      else if (errorCode || /^tr?error_/.test(ticket)) tell.failed(`Tencent's script: error ${errorCode}`);
      else tell.solved({ ticket, randstr });
    };
    return { execute: () => new TencentCaptcha(site_key, heard, { userLanguage }).show(), reset() {} };
  }

  /** @param {Provider} provider */
  function aliyunGlobals({ options: { prefix, region } }) {
    if (!prefix) throw new Error("a page cannot draw aliyun without the prefix in the policy");
    return { AliyunCaptchaConfig: { region, prefix } };
  }

  /** Milliseconds that Alibaba's script wants between its beginning and the first question. */
  const WARM_UP = 2000;
  /**
   * Alibaba's window. Its documents allow a page one, which a hidden button opens for whoever asks.
   *
   * @type {{scene: string | null, button: HTMLElement, warm: Promise<unknown>, tell: Tell} | null}
   */
  let aliyunWindow = null;

  /** @type {Draw} */
  async function aliyun(_, { site_key }, tell, { language }) {
    const init = await present(() => win.initAliyunCaptcha);
    const shared = (aliyunWindow ??= aliyunBegun(init, site_key, tongue(language, "cn", "en"), tell));
    if (shared.scene !== site_key) throw new Error("a page has one scene of aliyun");
    shared.tell = tell;
    const execute = async () => {
      await shared.warm;
      if (aliyunWindow !== shared) throw new Error("the window of aliyun is gone");
      shared.tell = tell;
      shared.button.click();
    };
    return { execute, reset() {} };
  }

  /** @param {(options: object) => void} init @param {string | null} scene @param {string} language @param {Tell} tell */
  function aliyunBegun(init, scene, language, tell) {
    const [button, place] = [element("button", { type: "button", hidden: "" }), element("div")];
    const warm = new Promise((resolve) => setTimeout(resolve, WARM_UP));
    const shared = { scene, button, warm, tell };
    document.body.append(button, place);
    init({
      SceneId: scene,
      mode: "popup",
      element: `#${named(place)}`,
      button: `#${named(button)}`,
      language,
      success: (/** @type {string} */ param) => shared.tell.solved(param),
      fail() {}, // the window lets the person try again
      getInstance() {},
      onClose: (/** @type {string} */ why) => why !== "verifyComplete" && shared.tell.closed(),
      onError(/** @type {unknown} */ error) {
        button.remove();
        place.remove();
        aliyunWindow = null;
        shared.tell.failed(error);
      },
    });
    return shared;
  }

  /** @type {Draw} */
  async function yidun(box, { site_key }, tell, { language }) {
    // Not by the vendor's wrapper with a fallback: what that passes by itself, the gate refuses.
    const init = await present(() => win.initNECaptcha);
    const options = {
      captchaId: site_key,
      element: `#${named(box)}`,
      mode: "float",
      lang: tongue(language, "zh-CN", "en"),
      // After an error it begins anew by itself.
      onVerify: (/** @type {unknown} */ error, /** @type {any} */ told) => error || tell.solved(told.validate),
      onError: tell.failed,
    };
    const captcha = await new Promise((made, failed) => init(options, made, failed));
    return { reset: () => captcha.refresh() };
  }

  /** Who hears of each box: MTCaptcha knows its callbacks by their global names only. @type {Map<string, Tell>} */
  const mtcaptchaBoxes = new Map();

  /** @param {Provider} provider @param {string} language */
  function mtcaptchaGlobals({ site_key, options }, language) {
    const mtcaptchaConfig = {
      sitekey: site_key,
      lang: tongue(language, "zh", language),
      renderQueue: [], // nothing is drawn before it is asked for
      "verified-callback": "captchaGateMtSolved",
      "verifyexpired-callback": "captchaGateMtExpired",
      "error-callback": "captchaGateMtFailed",
      ...renamed(options, { action: "action" }),
    };
    const teller = (/** @type {any} */ { domID }) => mtcaptchaBoxes.get(domID);
    return {
      mtcaptchaConfig,
      captchaGateMtSolved: (/** @type {any} */ told) => teller(told)?.solved(told.verifiedToken),
      captchaGateMtExpired: (/** @type {any} */ told) => teller(told)?.expired(),
      captchaGateMtFailed: (/** @type {any} */ told) => teller(told)?.failed("MTCaptcha's script reports an error"),
    };
  }

  /** @type {Draw} */
  async function mtcaptcha(box, { site_key, options }, tell) {
    const vendor = await present(() => win.mtcaptcha?.renderUI && win.mtcaptcha);
    const { sitekey, action } = win.mtcaptchaConfig;
    if (sitekey !== site_key || action !== options.action)
      throw new Error("a page has one site key and one action of mtcaptcha");
    const id = named(box);
    mtcaptchaBoxes.set(id, tell);
    vendor.renderUI(id);
    return { reset: () => vendor.resetUI(id) };
  }

  /**
   * The frame that mCaptcha's glue makes, without the glue: that finds its place by the page's ids, and only once.
   *
   * @type {Draw}
   */
  async function mcaptcha(box, { options: { widget } }, tell) {
    const sandbox = "allow-same-origin allow-scripts allow-popups";
    const size = { width: "340", height: "78", scrolling: "no", frameborder: "0" };
    const frame = element("iframe", { src: widget, title: "mCaptcha", sandbox, ...size });
    addEventListener("message", ({ source, origin, data }) => {
      if (source === frame.contentWindow && origin === new URL(widget).origin) tell.solved(data.token);
    });
    box.append(frame);
    return {};
  }

  /** @type {Draw} */
  async function friendly1(box, { site_key, options }, tell, { language }) {
    const { WidgetInstance } = await present(() => win.friendlyChallenge);
    const widget = new WidgetInstance(box, {
      sitekey: site_key,
      startMode: "none",
      solutionFieldName: "-", // none
      styleNonce: nonce,
      language: tongue(language, "zh", language),
      doneCallback: tell.solved,
      errorCallback: tell.failed,
      ...renamed(options, { puzzle_endpoint: "puzzleEndpoint" }),
    });
    return { execute: () => widget.start(), reset: () => widget.reset() };
  }

  /** @type {Draw} */
  async function friendly(box, { site_key, options }, tell, { language }) {
    const sdk = await present(() => win.frcaptcha);
    const more = renamed(options, { api_endpoint: "apiEndpoint" });
    const widget = sdk.createWidget({
      element: box,
      sitekey: site_key,
      startMode: "none",
      language: tongue(language, "zh", language),
      ...more,
    });
    widget.addEventListener("frc:widget.complete", (/** @type {CustomEvent} */ { detail }) =>
      tell.solved(detail.response),
    );
    widget.addEventListener("frc:widget.expire", tell.expired);
    widget.addEventListener("frc:widget.error", () => tell.failed());
    return { execute: () => widget.start(), reset: () => widget.reset() };
  }

  let callbacks = 0;

  /** @type {Draw} */
  async function privateCaptcha(box, { site_key, options }, tell, { language }) {
    const vendor = await present(() => win.privateCaptcha);
    const finished = `captchaGateFinished${++callbacks}`; // its documents know callbacks by their global names only
    win[finished] = (/** @type {any} */ widget) => tell.solved(widget.solution());
    const data = {
      sitekey: site_key ?? "",
      "start-mode": "click",
      "store-variable": "captcha",
      "finished-callback": finished,
    };
    const more = {
      lang: tongue(language, "zh", language),
      ...renamed(options, { eu: "eu", puzzle_endpoint: "puzzle-endpoint" }),
    };
    const attributes = Object.entries({ ...data, ...more }).map(([name, value]) => [`data-${name}`, String(value)]);
    const target = element("div", { class: "private-captcha", ...Object.fromEntries(attributes) });
    box.append(target);
    vendor.setup();
    const widget = await present(() => /** @type {any} */ (target).captcha);
    return { execute: () => widget.execute(), reset: () => widget.reset() };
  }

  /** @type {Draw} */
  async function cap(box, { options }, tell) {
    Object.assign(win, { CAP_CSS_NONCE: nonce, CAP_SCRIPT_NONCE: nonce });
    await present(() => customElements.get("cap-widget"));
    const widget = /** @type {any} */ (document.createElement("cap-widget"));
    widget.setAttribute("data-cap-api-endpoint", options.endpoint);
    widget.addEventListener("solve", (/** @type {CustomEvent} */ { detail }) => tell.solved(detail.token));
    widget.addEventListener("error", () => tell.failed());
    box.append(widget);
    return { execute: () => widget.solve(), reset: () => widget.reset() };
  }

  // ---- The proof of work on the page

  /** More than this heats a laptop without much gain. */
  const MOST_WORKERS = 4;
  /** Counters below which the gate hides its answers; another server's bar just stays full. */
  const COUNTERS = 3000;
  /** Milliseconds before its end from which on an answer is no longer offered. */
  const MARGIN = 10_000;

  /** @type {Draw} */
  async function proofOfWork(box, provider, tell, { words }) {
    if (!globalThis.crypto?.subtle) throw new Error("insecure");
    const bar = element("progress", { max: String(COUNTERS), value: "0", "aria-label": words.working });
    const idle = element("p", {}, words.idle);
    box.append(idle, bar);
    let running = new AbortController();
    let expiry = 0;
    const reset = () => {
      running.abort();
      clearTimeout(expiry);
      bar.hidden = true;
      bar.value = 0;
      idle.hidden = false;
    };
    const execute = async () => {
      reset();
      const { signal } = (running = new AbortController());
      bar.hidden = false;
      idle.hidden = true;
      try {
        const response = await ask(provider.challenge ?? "", { signal });
        const challenge = await response.json();
        const solution = await solve(challenge.parameters, signal, (tried) => (bar.value += tried));
        bar.value = COUNTERS;
        tell.solved(payloadOf(challenge, solution));
        expiry = setTimeout(() => (reset(), tell.expired()), lifetimeOf(challenge.parameters, response) - MARGIN);
      } catch (error) {
        if (!signal.aborted) tell.failed(error);
      }
    };
    addEventListener("pagehide", () => running.abort());
    reset();
    return { execute, reset };
  }

  /**
   * @param {Parameters} parameters
   * @param {Response} response
   * @returns {number} milliseconds, by the server's clock: the person's may be wrong
   */
  function lifetimeOf({ expiresAt }, response) {
    const now = Date.parse(response.headers.get("Date") ?? "") || Date.now();
    return expiresAt ? Math.max(60_000, expiresAt * 1000 - now) : 600_000;
  }

  /**
   * @param {Parameters} parameters
   * @param {AbortSignal} signal
   * @param {(tried: number) => void} onProgress
   * @returns {Promise<Found & {time: number}>}
   */
  async function solve(parameters, signal, onProgress) {
    const begun = performance.now();
    const count = Math.max(1, Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 1));
    /** @type {Worker[]} */
    const workers = [];
    try {
      const found = await new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        for (let first = 0; first < count; first++) {
          const worker = new Worker(here);
          workers.push(worker);
          worker.onerror = () => reject(new Error("no worker"));
          worker.onmessage = ({ data: { found, problem, tried } }) => {
            if (problem) reject(new TypeError(problem));
            else if (found) resolve(found);
            else onProgress(tried);
          };
          worker.postMessage({ parameters, first, step: count });
        }
      }).catch((error) => {
        if (signal.aborted || error instanceof TypeError) throw error;
        // The page forbids workers. It works here, too, for the browser computes each key beside the page.
        return search({ parameters, first: 0, step: 1 }, (tried) => (onProgress(tried), !signal.aborted));
      });
      return { ...found, time: Math.round(performance.now() - begun) };
    } finally {
      for (const worker of workers) worker.terminate();
    }
  }

  /**
   * Challenge and solution together, so that the server need remember neither.
   *
   * @param {{parameters: Parameters, signature: string}} challenge
   * @param {Found} solution
   */
  function payloadOf({ parameters, signature }, solution) {
    return btoa(JSON.stringify({ challenge: { parameters, signature }, solution }));
  }

  // ---- One CAPTCHA on the page

  /** A rule's CAPTCHA: its box, what is said about it, and the fields that came of it. */
  class Widget {
    /** @type {Fields | null} */
    fields = null;
    /** @type {Handle | null} */
    handle = null;
    /** @type {Provider | null} */
    provider = null;
    /** @type {Words} */
    words = FIRST_WORDS;
    /** Whether what may begin early does. */
    eager = false;
    /** Called with each answer. */
    onSolved = () => {};
    /** What the button does. */
    onAgain = () => void this.solve();
    /** Counts the drawings, so that what an earlier one still reports is dropped. */
    #turn = 0;
    #index = 0;
    #drawing = false;
    /** @type {Promise<unknown> | null} */
    #executing = null;
    /** @type {((solved: boolean) => void)[]} */
    #waiting = [];

    /** @param {string} rule */
    constructor(rule) {
      this.rule = rule;
      this.box = element("div");
      this.status = element("p", { role: "status" });
      this.button = button("", () => (this.#hideButton(), this.onAgain()));
      this.inputs = element("div", { hidden: "" });
      this.root = element(
        "div",
        { class: "captcha-gate", role: "group", tabindex: "-1" },
        this.box,
        this.status,
        this.button,
        this.inputs,
      );
      this.button.hidden = true;
    }

    /**
     * Draw the first provider of the rule that can be drawn.
     *
     * @param {number} [from] how many of them to pass over
     * @param {string} [reason] why the one before was: a key of the words
     */
    async draw(from = 0, reason = "") {
      const turn = ++this.#turn;
      this.#drawing = true;
      this.#clear();
      const config = await configOf(this.rule).catch(warned);
      if (turn !== this.#turn) return;
      if (!config) return this.#lost("not_loaded");
      this.words = config.words;
      this.root.setAttribute("aria-label", this.words.captcha);
      for (const [index, provider] of [...config.providers.entries()].slice(from)) {
        this.say(reason ? "other" : "loading");
        // Each has a box of its own: one that comes too late finds itself outside the page.
        const box = element("div");
        this.box.replaceChildren(box);
        [this.provider, this.#index] = [provider, index];
        const handle = await drawn(box, provider, this.#listener(turn, index), config).catch(warned);
        if (turn !== this.#turn) return;
        if (handle) return this.#ready(handle, reason ? "other" : "");
        reason = wordFor(this.provider);
      }
      if (config.unloaded) this.#withoutWidget(turn, config.unloaded, config.providers);
      else this.#lost(reason || "not_loaded");
    }

    /**
     * No provider can be drawn, and the rule opens where one is down. Whether it is, the gate finds out.
     *
     * @param {number} turn
     * @param {{provider: string, token: Fields}} unloaded
     * @param {Provider[]} providers
     */
    #withoutWidget(turn, unloaded, providers) {
      this.#clear();
      [this.provider, this.#index] = [providers.find(({ name }) => name === unloaded.provider) ?? null, 0];
      this.#ready({ execute: () => this.#listener(turn, 0).solved(unloaded.token) }, "unloaded");
    }

    /** @param {Handle} handle @param {string} word */
    #ready(handle, word) {
      [this.handle, this.#drawing] = [handle, false];
      if (!this.fields) this.say(word);
      if (this.#waiting.length) this.#ask();
      else if (this.eager) this.beginEarly();
    }

    /** @param {number} turn @param {number} index @returns {Tell} */
    #listener(turn, index) {
      /** @param {(told: any) => void} act */
      const now = (act) => (/** @type {any} */ told) => {
        if (turn === this.#turn) act(told);
      };
      return {
        solved: now((answer) => this.#solved(answer)),
        expired: now(() => (this.#forget(), this.say(this.handle?.execute ? "" : "expired"))),
        closed: now(() => this.fields || (this.offerAgain("closed"), this.#settle(false))),
        failed: now((error) => this.fields || (warned(error), this.draw(index + 1, "not_loaded"))),
      };
    }

    /** @param {string | Record<string, unknown>} answer */
    #solved(answer) {
      const { fields } = /** @type {Provider} */ (this.provider);
      const names = Object.keys(fields);
      const told = typeof answer === "string" ? { [names[0]]: answer } : answer;
      this.fields = Object.fromEntries(names.map((name) => [name, String(told[name] ?? "")]));
      const values = Object.entries(this.fields).map(([name, value]) => ({ name: fields[name], value }));
      this.inputs.replaceChildren(
        ...values.map((value) => element("input", { type: "hidden", autocomplete: "off", ...value })),
      );
      this.#hideButton();
      this.say("solved");
      this.#settle(true);
      this.onSolved();
    }

    /** No provider is left. @param {string} word */
    #lost(word) {
      this.#clear();
      this.offerAgain(word);
      this.#settle(false);
    }

    #clear() {
      [this.provider, this.handle, this.#executing] = [null, null, null];
      this.box.replaceChildren();
      this.#forget();
      this.#hideButton();
    }

    #forget() {
      this.fields = null;
      this.inputs.replaceChildren();
    }

    /** @param {boolean} solved */
    #settle(solved) {
      this.#drawing = false;
      for (const settle of this.#waiting.splice(0)) settle(solved);
    }

    #hideButton() {
      if (document.activeElement === this.button) this.root.focus();
      this.button.hidden = true;
    }

    /** Say what is wrong, beside a button. @param {string} word */
    offerAgain(word) {
      this.say(word);
      this.button.textContent = this.words.retry;
      this.button.hidden = false;
    }

    /** @param {string} word a key of the words, or nothing */
    say(word) {
      this.status.textContent = this.words[word] ?? "";
    }

    /**
     * Get an answer, by waiting for the person where it takes one.
     *
     * @returns {Promise<boolean>} whether there is one
     */
    solve() {
      if (this.fields) return Promise.resolve(true);
      /** @type {Promise<boolean>} */
      const answered = new Promise((settle) => this.#waiting.push(settle));
      if (this.handle) this.#ask();
      else if (!this.#drawing) void this.draw();
      return answered;
    }

    #ask() {
      if (this.handle?.execute) return this.begin();
      this.say("solve");
      this.root.focus();
    }

    /** Begin what needs no hands. */
    begin() {
      const { handle } = this;
      if (!handle?.execute || this.fields || this.#executing) return;
      this.say("working");
      const { failed } = this.#listener(this.#turn, this.#index);
      const executing = Promise.resolve(handle.execute()).catch(failed);
      this.#executing = executing;
      void executing.finally(() => this.#executing === executing && (this.#executing = null));
    }

    /** An answer will be wanted: what may begin now does, once it is drawn. */
    beginEarly() {
      this.eager = true;
      if (this.provider && ADAPTERS[this.provider.type].early) this.begin();
    }

    /**
     * Forget an answer that was used, and be ready for another.
     *
     * @param {string} [word] why
     */
    async rearm(word = "") {
      this.#forget();
      this.#hideButton();
      this.say("");
      if (this.handle?.reset) this.handle.reset();
      else await this.draw(this.#index);
      if (word && this.handle) this.say(word);
    }

    /** There is no more to do. @param {string} word */
    finish(word) {
      this.#turn++;
      this.box.replaceChildren();
      this.say(word);
    }

    /** @returns {[string, string][]} the answer as headers */
    get headers() {
      return Object.entries(this.provider?.headers ?? {}).map(([name, header]) => [header, this.fields?.[name] ?? ""]);
    }
  }

  /** @param {unknown} error */
  function warned(error) {
    console.warn("captcha_gate:", error);
    return null;
  }

  /** Why it is not there. @param {Provider} provider */
  const wordFor = (provider) => (provider.type === "altcha" && !globalThis.crypto?.subtle ? "insecure" : "not_loaded");

  /**
   * @param {HTMLElement} box
   * @param {Provider} provider
   * @param {Tell} tell
   * @param {Config} config
   */
  async function drawn(box, provider, tell, config) {
    const adapter = ADAPTERS[provider.type];
    if (!adapter) throw new Error(`no page can draw ${provider.type}`);
    for (const [name, value] of Object.entries(adapter.globals?.(provider, config.language) ?? {})) win[name] ??= value;
    if (provider.script && !adapter.unscripted)
      await load(provider.script, adapter.query?.(provider, config.language) ?? {}, adapter.module);
    const late = new Promise((_, reject) =>
      setTimeout(reject, 2 * PATIENCE, new Error(`${provider.type} was not drawn`)),
    );
    const { execute, reset } = await Promise.race([adapter.draw(box, provider, tell, config), late]);
    if (adapter.begins) return { execute() {}, reset };
    return adapter.alone?.(provider.options) ? { execute, reset } : { reset };
  }

  // ---- Forms

  /** Milliseconds for which a form that was sent is not sent again: the second half of a double click. */
  const DOUBLE_CLICK = 3000;
  const SUBMITTERS = "button:not([type]), button[type=submit], input[type=submit], input[type=image]";

  /** @type {Map<HTMLFormElement, GatedForm>} */
  const forms = new Map();

  /** A form that is sent with an answer or not at all. What is typed into it is never touched. */
  class GatedForm {
    /** An answer went with the form, so the next sending needs another. */
    spent = false;
    #sentAt = -Infinity;
    /** The submission that was let through. @type {SubmitEvent | null} */
    #through = null;
    /** Whoever pressed, while there is no answer yet. @type {{by: HTMLElement | null} | null} */
    #pressed = null;

    /** @param {HTMLFormElement} form */
    constructor(form) {
      this.form = form;
      this.widget = new Widget(form.dataset.captchaGate ?? "");
      const place = form.querySelector("[data-captcha-gate-widget]");
      const before = form.querySelector(SUBMITTERS);
      if (before && !place) before.before(this.widget.root);
      else (place ?? form).append(this.widget.root);
      // Captured, so that the site's own handlers see a form with its answer, or no submission.
      form.addEventListener("submit", (event) => this.#submit(event), true);
      form.addEventListener("formdata", () => this.#taken());
      form.addEventListener("input", () => this.#typed());
      void this.widget.draw();
    }

    /** @param {SubmitEvent} event */
    #submit(event) {
      if (this.widget.fields && !this.spent) {
        this.#ownTheFields();
        this.#through = event;
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
      if (performance.now() - this.#sentAt < DOUBLE_CLICK) return;
      const waiting = this.#pressed !== null;
      this.#pressed = { by: event.submitter };
      if (!waiting) void this.#solveAndSend();
    }

    async #solveAndSend() {
      if (this.spent) this.reset();
      const solved = await this.widget.solve();
      await new Promise((resolve) => setTimeout(resolve)); // a form that is being submitted ignores a second submission
      const pressed = this.#pressed;
      this.#pressed = null;
      if (!solved || !pressed) return;
      const by = /** @type {HTMLButtonElement | null} */ (pressed.by);
      this.form.requestSubmit(by?.form === this.form ? by : null);
    }

    /** A field that is given twice is refused, and a vendor's script may have put inputs of its own into the form. */
    #ownTheFields() {
      const { fields } = /** @type {Provider} */ (this.widget.provider);
      const names = new Set([...Object.keys(fields), ...Object.values(fields)]);
      for (const twin of this.form.querySelectorAll("[name]")) {
        const name = twin.getAttribute("name") ?? "";
        if (names.has(name) && !this.widget.inputs.contains(twin)) twin.removeAttribute("name");
      }
    }

    /** The form's data were taken: by the browser, to send them, or by the site's script. */
    #taken() {
      if (!this.#through) return;
      this.spent = true;
      if (!this.#through.defaultPrevented) this.#sentAt = performance.now();
      this.#through = null;
    }

    #typed() {
      const { widget } = this;
      if (this.spent && performance.now() - this.#sentAt > DOUBLE_CLICK) this.reset();
      // Who goes on typing has not finished, and is not to be surprised by a form that sends itself.
      if (widget.handle && !widget.handle.execute) this.#pressed = null;
      widget.beginEarly();
    }

    reset() {
      this.spent = this.widget.eager = false;
      this.#sentAt = -Infinity;
      void this.widget.rearm();
    }
  }

  /** @param {HTMLFormElement} form */
  function attach(form) {
    if (!forms.has(form)) forms.set(form, new GatedForm(form));
  }

  // ---- Requests

  /**
   * An answer that takes no hands, or that a form on the page already has.
   *
   * @param {string} rule
   * @returns {Promise<Widget | null>}
   */
  async function quietly(rule) {
    const ready = [...forms.values()].find(({ widget, spent }) => widget.rule === rule && widget.fields && !spent);
    if (ready) {
      ready.spent = true;
      return ready.widget;
    }
    const takesNoHands = (/** @type {Provider | null} */ provider) =>
      provider && ADAPTERS[provider.type]?.alone?.(provider.options);
    const { providers } = await configOf(rule);
    if (!takesNoHands(providers[0])) return null;
    const widget = new Widget(rule);
    widget.root.classList.add("captcha-gate-unseen");
    document.body.append(widget.root);
    await widget.draw();
    const solved = takesNoHands(widget.provider) && (await widget.solve());
    widget.root.remove();
    return solved ? widget : null;
  }

  /** One dialog at a time. @type {Promise<unknown>} */
  let asking = Promise.resolve();

  /**
   * An answer of the person.
   *
   * @param {string} rule
   * @returns {Promise<Widget | null>} `null` where they closed it
   */
  function inDialog(rule) {
    const answered = asking.then(() => dialogue(rule));
    asking = answered.catch(() => {});
    return answered;
  }

  /** @param {string} rule @returns {Promise<Widget | null>} */
  async function dialogue(rule) {
    const { words, providers } = await configOf(rule);
    const widget = new Widget(rule);
    const title = element("h2", { id: "captcha-gate-title" }, words.dialog_title);
    const cancel = button(words.cancel, () => dialog.close());
    const dialog = element(
      "dialog",
      { class: "captcha-gate-dialog", "aria-labelledby": title.id },
      title,
      widget.root,
      cancel,
    );
    dialog.addEventListener("keydown", ({ key }) => key === "Escape" && dialog.close());
    document.body.append(dialog);
    // What a vendor opens beside a modal dialog could not be reached.
    if (providers.some(({ type }) => ADAPTERS[type]?.overlay)) dialog.show();
    else dialog.showModal();
    /** @type {Promise<boolean>} */
    const answered = new Promise((resolve) => {
      widget.onSolved = () => resolve(true);
      dialog.addEventListener("close", () => resolve(false));
    });
    void widget.solve();
    const solved = await answered;
    if (!solved) widget.handle?.reset?.();
    dialog.close();
    dialog.remove();
    return solved ? widget : null;
  }

  /** @param {Request} request @param {Widget | null} answer */
  function withAnswer(request, answer) {
    for (const [name, value] of answer?.headers ?? []) request.headers.set(name, value);
    return request;
  }

  /** @param {Response} response */
  async function mayTryAgain(response) {
    const type = response.headers.get("Content-Type") ?? "";
    if (response.status !== 403 || !type.startsWith("application/problem+json")) return false;
    return (await response.clone().json()).retryable === true;
  }

  /**
   * As `fetch`, for a route behind a rule.
   *
   * @param {RequestInfo | URL} input
   * @param {RequestInit & {rule: string}} init
   * @returns {Promise<Response>} the second answer where the first was a refusal that a new CAPTCHA may change
   */
  async function gatedFetch(input, { rule, ...init }) {
    const request = new Request(input, init);
    const first = await fetch(withAnswer(request.clone(), await quietly(rule)));
    if (!(await mayTryAgain(first))) return first;
    const answer = await inDialog(rule);
    return answer ? fetch(withAnswer(request, answer)) : first;
  }

  /**
   * The fields of a new answer, by this site's names; a dotted name is an object in an object.
   *
   * @param {string} rule
   * @returns {Promise<Record<string, any>>}
   * @throws {DOMException} `AbortError` where the person closed the dialog
   */
  async function token(rule) {
    const answer = (await quietly(rule)) ?? (await inDialog(rule));
    if (!answer?.fields || !answer.provider) throw new DOMException("The CAPTCHA was closed.", "AbortError");
    /** @type {Record<string, any>} */
    const fields = {};
    for (const [name, value] of Object.entries(answer.fields)) {
      const path = answer.provider.fields[name].split(".");
      const last = /** @type {string} */ (path.pop());
      path.reduce((at, step) => (at[step] ??= {}), fields)[last] = value;
    }
    return fields;
  }

  // ---- The challenge page

  /** Milliseconds within which a page that was passed and is there again was not passed: nothing begins by itself. */
  const SOON = 60_000;
  const PASSED = "captcha-gate-passed";

  /**
   * Solve, get a clearance for it, go on to where the person wanted to.
   *
   * @param {HTMLElement} main
   */
  async function challengePage(main) {
    const widget = new Widget(main.dataset.captchaGatePage ?? "");
    main.querySelector("[data-captcha-gate-widget]")?.append(widget.root);
    let passed = false;
    widget.onSolved = async () => {
      const problem = await traded(widget);
      passed = !problem;
      if (passed) return goOn(main, widget);
      if (problem !== "out_of_order") await widget.rearm(problem); // an outage gives the answer back
      if (widget.fields || widget.handle?.execute) widget.offerAgain(problem);
    };
    widget.onAgain = () => void (widget.fields ? widget.onSolved() : widget.solve());
    const begin = () => {
      const problem = !navigator.cookieEnabled ? "no_cookies" : wasHere() ? "again" : "";
      if (problem && widget.handle) widget.offerAgain(problem);
      else if (widget.handle?.execute) void widget.solve();
    };
    // Back: where the page has done its work, there is something else at this address now.
    addEventListener("pageshow", ({ persisted }) => {
      if (!persisted) return;
      if (passed) location.reload();
      else void widget.rearm().then(begin);
    });
    await widget.draw();
    begin();
  }

  /** A page that comes again and again must not solve for ever: a browser may drop the cookie. */
  function wasHere() {
    return Date.now() - Number(sessionStorage.getItem(PASSED)) < SOON;
  }

  /**
   * The answer for a clearance.
   *
   * @param {Widget} widget
   * @returns {Promise<string>} what went wrong, a key of the words; empty where nothing did
   */
  async function traded(widget) {
    try {
      const { verify } = await configOf(widget.rule);
      const response = await fetch(new URL(verify ?? "", here), {
        method: "POST",
        headers: widget.headers,
        cache: "no-store",
      });
      if (response.ok) return "";
      if (response.status === 429) return "too_many";
      return response.status === 403 ? "refused" : "out_of_order";
    } catch (error) {
      return warned(error) ?? "out_of_order";
    }
  }

  /**
   * @param {HTMLElement} main whose form has the fields of the request that was refused, if it may be sent again
   * @param {Widget} widget
   */
  function goOn(main, widget) {
    const form = /** @type {HTMLFormElement} */ (main.querySelector("form"));
    // The fields are anybody's names, and hide the form's own of that name: `action`, `submit`, `getAttribute`.
    const action = Element.prototype.getAttribute.call(form, "action") ?? "";
    const target = URL.canParse(action, location.href) ? new URL(action, location.href) : null;
    const sends = main.dataset.method === "post" && main.querySelector("form [name]") !== null;
    if (target?.origin !== location.origin || !(sends || main.dataset.method === "get"))
      return widget.finish("go_back");
    widget.finish("going_on");
    sessionStorage.setItem(PASSED, String(Date.now()));
    if (sends) {
      // Back leads to what is at this address, and not to the question whether to send the form again.
      history.replaceState(history.state, "");
      HTMLFormElement.prototype.submit.call(form);
    }
    // The fragment stays with the person; with one, `replace` would only scroll.
    else if (location.hash) location.reload();
    else location.replace(target);
  }

  // ---- The beginning

  const STYLE = `
    :where(.captcha-gate) { margin-block: 1rem; }
    :where(.captcha-gate) :where(p) { margin: .5rem 0; font-size: .875em; }
    :where(.captcha-gate) button { margin-inline-end: .5rem; }
    :where(.captcha-gate) :where(p:empty) { display: none; }
    :where(.captcha-gate:focus-visible) { outline-offset: .375rem; }
    :where(.captcha-gate) progress { width: 100%; }
    .captcha-gate-unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    :where(.captcha-gate-dialog) { box-sizing: border-box; width: min(24rem, 100vw - 2rem); padding: 1.5rem; }
    :where(.captcha-gate-dialog) { border: 1px solid #8888; border-radius: .75rem; }
    :where(.captcha-gate-dialog) :where(h2) { margin: 0 0 .5rem; font-size: 1.25rem; }
    :where(.captcha-gate-dialog)::backdrop { background: #0008; }
    .captcha-gate-dialog[open]:not(:modal) { position: fixed; inset: 0; margin: auto; height: fit-content; z-index: 999; }
    .captcha-gate-dialog[open]:not(:modal) { box-shadow: 0 0 0 100vmax #0008; }
  `;

  function start() {
    win.captchaGate = {
      fetch: gatedFetch,
      token,
      attach,
      reset: (/** @type {HTMLFormElement} */ form) => forms.get(form)?.reset(),
    };
    if ("replaceSync" in CSSStyleSheet.prototype) {
      // Made by script, so that no Content-Security-Policy has to allow it.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    }
    // Back: the form is as it was, and its answer was used.
    addEventListener("pageshow", ({ persisted }) => persisted && forms.forEach((form) => form.reset()));
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", find);
    else find();
  }

  function find() {
    for (const form of document.querySelectorAll("form[data-captcha-gate]"))
      attach(/** @type {HTMLFormElement} */ (form));
    const main = document.querySelector("main[data-captcha-gate-page]");
    if (main) void challengePage(/** @type {HTMLElement} */ (main));
  }

  if (win && !("captchaGate" in win)) start();
}
