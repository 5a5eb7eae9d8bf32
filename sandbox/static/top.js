// The head of the page: the campaign's clock and its steps, counts per channel, theme, help.

import * as api from "./api.js";
import { isLoopback } from "./deeds.js";
import { button, fill, h, icon } from "./dom.js";
import { APPS, store } from "./store.js";
import { clockTime, exact, num, shortDate, t } from "./texts.js";
import { failed, toast } from "./toast.js";

const HOUR = 3_600_000; // milliseconds
const DAY = 86_400_000;
const STEP_WAIT = 60_000; // until a step that nothing came of is given back

export class Top {
  constructor(root) {
    this.root = root;
    this.time = root.querySelector("#clock time");
    this.steps = root.querySelector("#steps");
    this.counts = root.querySelector("#counts");
    this.lastCounts = "";
    this.showSteps();
    this.showTools();
    store.on("state", () => this.sync());
    store.on("clock", () => this.tick());
    store.on("moved", () => this.directed || this.rest());
    store.on("notice", (notice) => ["advanced", "error"].includes(notice.kind) && this.rest());
    store.on("notice", () => this.showPlaces());
    setInterval(() => this.tick(), 1_000);
    this.sync();
    this.tick();
  }

  tick() {
    const now = new Date(store.now());
    const { flowing } = store.clock;
    const shown = `${clockTime(now, "UTC")} ${shortDate(now, "UTC")} ${flowing}`;
    if (this.shown === shown) return;
    this.shown = shown;
    this.time.dateTime = now.toISOString();
    this.time.title = `${t("clock")}: ${exact(now, "UTC")}; ${t(flowing ? "clock.flows" : "clock.still")}`;
    fill(this.time, h("b", {}, clockTime(now, "UTC")), " ", h("span", {}, shortDate(now, "UTC"), " ", h("small", { dir: "ltr" }, t("clock.utc"))));
    this.time.classList.toggle("flows", flowing);
  }

  sync() {
    const { state } = store;
    this.showPlaces();
    this.directed ||= state.directed || store.notices.length > 0; // a director who was there keeps the clock
    this.crash.hidden = !state.directed;
    const shown = JSON.stringify([state.ledger.by_channel, state.reached, state.wrote]);
    if (this.lastCounts === shown) return;
    this.lastCounts = shown;
    fill(this.counts, APPS.map((app) => this.count(app, state)));
  }

  count(app, state) {
    const { accepted = 0, refused = 0 } = state.ledger.by_channel[app] ?? {};
    const numbers = [["sent", accepted], ["delivered", state.reached[app] ?? 0], ["replied", state.wrote[app] ?? 0]];
    if (refused) numbers.push(["refused", refused]);
    const words = numbers.map(([name, n]) => `${num(n)} ${t(`count.${name}`)}`).join(", ");
    return h(
      "li",
      { class: `count tint-${app}`, title: `${t(`app.${app}`)}: ${words}` },
      icon(app),
      h("span", { class: "what" }, t(`app.${app}`)),
      h("span", { class: "numbers" }, numbers.map(([name, n]) => h("span", { class: `number is-${name}` }, h("b", {}, num(n)), h("i", {}, t(`count.${name}`))))),
    );
  }

  // Time

  showSteps() {
    const step = (words, title, wish) => button({ class: "step", title, onclick: (event) => this.move(event.currentTarget, wish) }, words);
    fill(
      this.steps,
      step(t("step.hour"), null, { seconds: HOUR / 1000 }),
      step(t("step.day"), null, { seconds: DAY / 1000 }),
      step(t("step.next"), t("step.next.long"), { until: "next_message" }),
    );
  }

  async move(pressed, wish) {
    if (this.moving) return;
    this.moving = pressed;
    pressed.setAttribute("aria-busy", "true");
    this.giveBack = setTimeout(() => this.rest(), STEP_WAIT);
    try {
      if (this.directed) await api.wish({ kind: "advance", ...wish });
      else await this.moveAlone(wish);
    } catch (error) {
      failed(error);
      this.rest();
    }
  }

  /** Nobody directs: the sandbox's own clock is moved. */
  async moveAlone(wish) {
    const state = await api.getState();
    const from = new Date(state.now).getTime();
    const to = wish.until ? state.next && new Date(state.next).getTime() : from + wish.seconds * 1000;
    if (!to) {
      toast(t("step.nothing"));
      this.rest();
      return;
    }
    const moved = wish.until && to >= from ? state.next : new Date(Math.max(to, from)).toISOString();
    await api.setClock(moved, state.flowing);
    if (!this.warned) toast(t("step.undirected"));
    this.warned = true;
    this.rest();
  }

  rest() {
    clearTimeout(this.giveBack);
    this.moving?.removeAttribute("aria-busy");
    this.moving = null;
  }

  // Tools

  showTools() {
    const tools = this.root.querySelector("#tools");
    this.report = button({ class: "tool", hidden: true }, t("report"));
    this.places = h("span", { class: "places" });
    this.crash = button({ class: "tool crash", title: t("crash.long"), hidden: true, onclick: () => this.askCrash() }, icon("bolt"), h("span", {}, t("crash")));
    this.help = button({ class: "bare", label: t("help"), onclick: () => this.showHelp() }, icon("keys"));
    this.theme = button({ class: "bare", label: t("theme"), onclick: () => this.turnTheme() });
    tools.prepend(this.places, this.report, this.crash);
    tools.append(this.theme, this.help);
    this.showTheme();
    tools.addEventListener("click", (event) => {
      const link = event.target.closest("a[lang]");
      if (!link) return;
      const address = new URL(location.href); // the phones on the table stay
      address.searchParams.set("lang", link.lang);
      link.href = address.href;
    });
  }

  /** Where staff and visitors of the site go, as whoever directs has told. */
  showPlaces() {
    const told = store.notices.findLast((notice) => notice.kind === "places");
    if (!told || this.told === told) return;
    this.told = told;
    const known = ["desk", "chat"].filter((name) => isLoopback(told[name] ?? ""));
    fill(this.places, known.map((name) => h("a", { class: "tool", href: told[name], target: "_blank", rel: "noopener" }, t(`place.${name}`), icon("out", "outward"))));
  }

  async askCrash() {
    this.crash.disabled = true;
    try {
      await api.wish({ kind: "crash_sender" });
    } catch (error) {
      failed(error);
    } finally {
      setTimeout(() => (this.crash.disabled = false), 2_000);
    }
  }

  get dark() {
    const { theme } = document.documentElement.dataset;
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  showTheme() {
    fill(this.theme, icon(this.dark ? "sun" : "moon"));
  }

  turnTheme() {
    const theme = this.dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("sandbox-theme", theme);
    } catch {
      // storage may be forbidden: it holds until the page is left
    }
    this.showTheme();
  }

  showHelp() {
    const keys = [[["/"], "search"], [["j", "k"], "move"], [["Enter"], "open"], [["1", "4"], "phone"], [["Esc"], "back"], [["?"], "help"]];
    dialog(t("help.title"), h("dl", { class: "keys-list" }, keys.map(([names, what]) => [h("dt", { dir: "ltr" }, names.map((name) => h("kbd", {}, name))), h("dd", {}, t(`help.${what}`))])));
  }
}

/** Open a dialog that closes by button, Escape or a press beside it. */
export function dialog(title, ...content) {
  const close = () => box.close();
  const box = h(
    "dialog",
    { class: "dialog", "aria-label": title, onclose: () => box.remove(), onclick: (event) => event.target === box && close() },
    h("div", { class: "dialog-in" }, h("header", {}, h("h2", {}, title), button({ class: "bare", label: t("close"), onclick: close }, icon("close"))), content),
  );
  document.body.append(box);
  box.showModal();
  return box;
}
