// Notices of whoever directs the scene: progress, the report, and the crash of the sender told step by step.
//
//   {kind: "progress", text, done?, total?}            a bar under the head; done = total takes it away
//   {kind: "crash", stage: "killed" | "restarted"}     then {kind: "crash", stage: "agreed" | "differs", accepted, twice, lost, unknown}
//   {kind: "report", text, title?}                     kept behind a button
//   {kind: "error", text}                              told at once
//   anything else with a text                          a line of the ticker
// `text` is the director's, in its language; on a crash it is shown under its stage.

import { button, fill, h, icon } from "./dom.js";
import { store } from "./store.js";
import { num, t } from "./texts.js";
import { announce, toast } from "./toast.js";
import { dialog } from "./top.js";

const STAGES = ["asked", "killed", "restarted", "agreed"];
const NUMBERS = ["accepted", "twice", "lost", "unknown"];

export class Story {
  constructor(root, reportButton) {
    this.root = root;
    this.reportButton = reportButton;
    this.reportButton.addEventListener("click", () => this.readReport());
    this.bar = h("div", { class: "progress-place" });
    this.card = h("div", { class: "story-place" });
    fill(root, this.bar);
    document.body.append(this.card);
    this.stages = null;
    store.on("notice", (notice) => this.take(notice, true));
    store.on("wish", (wish) => wish.kind === "crash_sender" && this.take({ kind: "crash", stage: "asked" }, true));
    for (const notice of store.notices) this.take(notice, false);
    if (this.stages?.some(({ stage }) => stage === "agreed" || stage === "differs")) this.endStory(); // an old tale
  }

  take(notice, live) {
    if (notice.kind === "progress") this.showProgress(notice);
    else if (notice.kind === "crash") this.showCrash(notice);
    else if (notice.kind === "report") this.takeReport(notice, live);
    else if (notice.kind === "error" && live && notice.text) toast(String(notice.text), { kind: "wrong" });
  }

  showProgress({ text, done, total }) {
    const over = typeof total === "number" && done >= total;
    if (over) return fill(this.bar);
    const known = typeof done === "number" && total > 0;
    const bar = h("progress", known ? { value: done, max: total } : {});
    if (known) bar.value = done;
    return fill(this.bar, h("div", { class: "progress" }, h("span", { dir: "auto" }, String(text ?? "")), known && h("span", { class: "sub" }, `${num(done)} / ${num(total)}`), bar));
  }

  takeReport(notice, live) {
    this.report = notice;
    this.reportButton.hidden = false;
    if (live) toast(t("report.ready"), { action: { label: t("report.read"), act: () => this.readReport() } });
  }

  readReport() {
    dialog(String(this.report.title ?? t("report")), h("pre", { class: "report", dir: "auto", tabindex: "0" }, String(this.report.text ?? "")));
  }

  // The crash

  showCrash(notice) {
    const stage = [...STAGES, "differs"].includes(notice.stage) ? notice.stage : null;
    if (!stage) return;
    if (stage === "asked" || this.stages === null || this.over) this.stages = [];
    this.over = stage === "agreed" || stage === "differs";
    this.stages.push({ ...notice, at: performance.now() });
    if (stage !== "asked" && this.stages.length === 1 && stage !== "killed") this.stages.unshift({ stage: "killed" });
    this.drawStory();
    announce(t(`crash.${stage}`));
  }

  drawStory() {
    const told = new Map(this.stages.map((entry) => [entry.stage, entry]));
    const last = told.has("differs") ? "differs" : "agreed";
    const order = ["killed", "restarted", last];
    const current = order.findIndex((stage) => !told.has(stage));
    const steps = order.map((stage, place) => {
      const entry = told.get(stage);
      const state = entry ? (stage === "differs" ? "wrong" : "told") : place === current ? "awaited" : "ahead";
      const more = entry ? String(entry.text ?? t(`crash.${stage}.more`)) : place === current && stage === "killed" ? t("crash.asked.more") : "";
      return h(
        "li",
        { class: state },
        h("span", { class: "step-mark", "aria-hidden": "true" }, entry ? icon(stage === "killed" ? "bolt" : stage === "differs" ? "warn" : "check") : ""),
        h("div", {}, h("b", {}, t(`crash.${stage}`)), more && h("span", { class: "sub", dir: "auto" }, more), entry && place === 2 && this.numbers(entry)),
      );
    });
    fill(this.card, h("section", { class: "story", "aria-label": t("crash.title") }, h("header", {}, h("h2", {}, t(told.has("killed") ? "crash.title" : "crash.asked")), button({ class: "bare", label: t("close"), onclick: () => this.endStory() }, icon("close"))), h("ol", {}, steps)));
  }

  numbers(entry) {
    const shown = NUMBERS.filter((name) => typeof entry[name] === "number");
    return h("dl", { class: "tally" }, shown.map((name) => h("div", { class: `is-${name} ${entry[name] ? "some" : "none"}` }, h("dd", {}, num(entry[name])), h("dt", {}, t(`crash.${name}`)))));
  }

  endStory() {
    this.stages = null;
    fill(this.card);
  }
}
