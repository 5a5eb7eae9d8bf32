// What happens, one line at the foot of the page; opened, the latest hundred.

import { button, fill, h, icon } from "./dom.js";
import { store } from "./store.js";
import { clockTime, exact, shortDate, t } from "./texts.js";

const KEPT = 100;
const RECALLED = 20;
const TEXT_LIMIT = 90; // characters of a message in a line

const short = (text) => {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > TEXT_LIMIT ? `${line.slice(0, TEXT_LIMIT)}…` : line;
};

export class Ticker {
  constructor(root, table) {
    this.table = table;
    this.events = []; // the newest first
    this.latest = h("span", { class: "latest" });
    this.list = h("ol", { class: "events", hidden: true, tabindex: "0", "aria-label": t("ticker") });
    this.toggle = button({ class: "bare", label: t("ticker.open"), "aria-expanded": "false", onclick: () => this.turn() }, icon("up"));
    fill(root, this.list, h("div", { class: "ticker-line" }, h("span", { class: "pulse", "aria-hidden": "true" }), this.latest, this.toggle));
    store.on("message", (event) => this.message(event));
    store.on("status", (event) => this.status(event));
    store.on("person", (event) => this.person(event));
    store.on("moved", (now) => this.add("clock", t("tick.clock", { time: `${clockTime(new Date(now), "UTC")}, ${shortDate(new Date(now), "UTC")}` })));
    store.on("notice", (notice) => notice.kind === "advanced" && this.add("notice", t("tick.advanced", { n: Number(notice.sent) || 0 })));
    store.on("notice", (notice) => notice.text && notice.kind !== "report" && this.add("notice", String(notice.text)));
    this.recall();
    this.show();
  }

  /** What came last to the people who are listed, before this page was opened. */
  recall() {
    const last = [...store.people.values()].flatMap(({ key, name, last: threads }) => Object.entries(threads ?? {}).map(([app, message]) => ({ key, name, app, message })));
    last.sort((one, other) => one.message.id - other.message.id);
    for (const event of last.slice(-RECALLED)) this.message(event, new Date(event.message.at).getTime());
  }

  message({ key, name, app, message }, at = store.now()) {
    if (message.by === "provider") return;
    const side = message.by === "customer" ? "out" : "in";
    this.add(app, t(`tick.${app}.${side}`, { name, text: short(message.subject && side === "in" ? message.subject : message.text) }), key, side, at);
  }

  status({ key, name, app, message, before }) {
    const clicks = message.clicks ?? [];
    const fresh = clicks.length > (before?.clicks?.length ?? 0) ? clicks.at(-1) : null;
    if (fresh !== null) this.add(app, /^https?:|^tg:/.test(fresh) ? t("tick.clicked", { name }) : t("tick.pressed", { name, text: short(fresh) }), key, "out");
    else if (message.status === "read" && before && before.status !== "read") this.add(app, t("tick.read", { name }), key, "out");
  }

  person({ person, before }) {
    if (!before) return; // what changed cannot be known
    const { key, name } = person;
    const blocked = Boolean(person.telegram?.blocked);
    if (before.telegram && blocked !== Boolean(before.telegram.blocked)) this.add("telegram", t(blocked ? "tick.blocked" : "tick.unblocked", { name }), key, "out");
    if (person.bought > before.bought) this.add("shop", t("tick.bought", { name }), key, "out");
    if (person.sms_stopped && !before.sms_stopped) this.add("sms", t("tick.stopped", { name }), key, "out");
  }

  add(kind, text, key = null, side = "", at = store.now()) {
    this.events.unshift({ kind, text, key, side, at });
    this.events.length = Math.min(this.events.length, KEPT);
    this.drawing ??= requestAnimationFrame(() => {
      this.drawing = null;
      this.show();
    });
  }

  show() {
    const [last] = this.events;
    fill(this.latest, last ? this.line(last) : h("span", { class: "sub" }, t("ticker.empty")));
    if (this.list.hidden || this.list.matches(":hover") || this.list.contains(document.activeElement)) return;
    fill(this.list, this.events.map((event) => h("li", {}, this.line(event))));
  }

  line({ kind, text, key, side, at }) {
    const glyph = { clock: "sun", notice: "flag" }[kind] ?? kind;
    const time = h("time", { datetime: new Date(at).toISOString(), title: exact(new Date(at), "UTC") }, clockTime(new Date(at), "UTC"));
    const words = [icon(glyph, `tint-${kind}`), side === "out" && icon("reply", "mine"), h("span", { class: "line", dir: "auto" }, text)];
    return h("span", { class: `event ${side}` }, time, key === null ? words : button({ class: "plain-button", onclick: () => (this.table.has(key) ? this.table.go(key) : this.table.add(key)) }, words));
  }

  turn() {
    this.list.hidden = !this.list.hidden;
    this.toggle.setAttribute("aria-expanded", String(!this.list.hidden));
    this.toggle.setAttribute("aria-label", t(this.list.hidden ? "ticker.open" : "ticker.close"));
    this.toggle.title = this.toggle.getAttribute("aria-label");
    this.show();
  }
}
