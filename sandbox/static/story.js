// Notices of whoever directs the scene: progress, the report, and the crash of the sender told step by step.
//
//   {kind: "crash", phase: "sending" | "killed" | "restarted" | "compared"}   killed with `accepted`: mails out by then;
//                                                   compared with accepted, twice, lost, unknown and agree (true or false)
//   {kind: "progress", text, done?, total?}         a bar under the head; done = total takes it away
//   {kind: "report", text, title?}                  kept behind a button
//   {kind: "advanced", sent}                        a step of the clock is over (the ticker tells)
//   {kind: "error", text}                           told at once
//
// A `text` is the director's, in its language; on a crash it replaces the page's own words under its phase.

import { button, fill, h, icon } from "./dom.js";
import { store } from "./store.js";
import { num, t } from "./texts.js";
import { announce, toast } from "./toast.js";
import { dialog } from "./top.js";

const PHASES = ["sending", "killed", "restarted", "compared"];
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
    this.told = null; // phase → notice, while a story is on the page
    store.on("notice", (notice) => this.take(notice, true));
    store.on("wish", (wish) => wish.kind === "crash_sender" && this.begin());
    for (const notice of store.notices) this.take(notice, false);
    if (this.told?.has("compared")) this.end(); // an old tale
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

  begin() {
    this.told = new Map();
    this.draw();
  }

  showCrash(notice) {
    if (!PHASES.includes(notice.phase)) return;
    if (this.told === null || this.told.has(notice.phase)) this.told = new Map();
    for (const earlier of PHASES.slice(0, PHASES.indexOf(notice.phase))) if (!this.told.has(earlier)) this.told.set(earlier, {});
    this.told.set(notice.phase, notice);
    this.draw();
    announce(t(`crash.${wordsOf(notice)}`));
  }

  draw() {
    const awaited = PHASES.find((phase) => !this.told.has(phase));
    const steps = PHASES.map((phase) => this.step(phase, this.told.get(phase), phase === awaited));
    fill(this.card, h("section", { class: "story", "aria-label": t("crash.title") }, h("header", {}, h("h2", {}, t("crash.title")), button({ class: "bare", label: t("close"), onclick: () => this.end() }, icon("close"))), h("ol", {}, steps)));
  }

  step(phase, notice, awaited) {
    const words = wordsOf(notice ?? { phase });
    const wrong = words === "differs";
    const mark = { sending: "email", killed: "bolt" }[phase] ?? (wrong ? "warn" : "check");
    const state = notice ? (wrong ? "wrong" : `told is-${phase}`) : awaited ? "awaited" : "ahead";
    return h(
      "li",
      { class: state },
      h("span", { class: "step-mark", "aria-hidden": "true" }, notice && icon(mark)),
      h("div", {}, h("b", {}, t(`crash.${words}`)), notice && more(words, notice), notice && phase === "compared" && tally(notice)),
    );
  }

  end() {
    this.told = null;
    fill(this.card);
  }
}

/** Which of the page's texts tells a crash notice. */
function wordsOf({ phase, agree }) {
  if (phase === "compared") return agree === false ? "differs" : "agreed";
  return phase;
}

function more(words, notice) {
  if (notice.text) return h("span", { class: "sub", dir: "auto" }, String(notice.text));
  if (words === "killed" && typeof notice.accepted !== "number") return null;
  return h("span", { class: "sub" }, t(`crash.${words}.more`, { n: notice.accepted }));
}

function tally(notice) {
  const shown = NUMBERS.filter((name) => typeof notice[name] === "number");
  return h("dl", { class: "tally" }, shown.map((name) => h("div", { class: `is-${name} ${notice[name] ? "some" : "none"}` }, h("dd", {}, num(notice[name])), h("dt", {}, t(`crash.${name}`)))));
}
