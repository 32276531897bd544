// A stand-in of friendly-challenge: new friendlyChallenge.WidgetInstance(element, options), as its types declare them.
"use strict";
{
  let count = 0;
  class WidgetInstance {
    constructor(element, options) {
      const { standIn } = window;
      const optional = ["startMode", "puzzleEndpoint", "language", "solutionFieldName", "styleNonce"];
      standIn.options(options, ["sitekey", "doneCallback"], [...optional, "errorCallback"]);
      standIn.demand(options.puzzleEndpoint === "https://api.friendlycaptcha.com/api/v1/puzzle", "puzzleEndpoint");
      standIn.demand(options.startMode === "none" && options.solutionFieldName === "-", "startMode or its own field");
      standIn.element(element).textContent = "Anti-robot verification";
      this.options = options;
    }
    async start() {
      window.standIn.demand(!this.started, "it was started");
      this.started = true;
      setTimeout(this.options.doneCallback, 0, `token-${++count}`);
    }
    reset() {
      this.started = false;
    }
  }
  window.friendlyChallenge = { WidgetInstance };
}
