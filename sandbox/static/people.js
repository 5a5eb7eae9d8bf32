// The list of people: search, filters, who has news. Its order stays while someone reads it.

import * as api from "./api.js";
import { avatar, button, fill, glimpse, h, icon } from "./dom.js";
import { APPS, store } from "./store.js";
import { ago, t, when, zoneOf } from "./texts.js";
import { failed } from "./toast.js";

const LIMIT = 200;
const TYPING = 180; // milliseconds
const SETTLING = 1_200;

export class PeopleList {
  /** `table` takes phones on and off: has(key), toggle(key). */
  constructor(root, table) {
    this.table = table;
    this.root = root;
    this.list = root.querySelector("#list");
    this.news = root.querySelector("#news");
    this.footing = root.querySelector("#footing");
    this.query = root.querySelector("#query");
    this.filter = { name: "all", app: null };
    this.people = [];
    this.rows = new Map();
    this.waiting = new Set(); // people with news that the list does not show in their place
    this.asked = 0;
    root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    this.query.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.read(), TYPING);
    });
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.showFilters();
    store.on("message", ({ key }) => this.arrived(key));
    store.on("status", ({ key }) => this.refresh(key));
    store.on("person", ({ person }) => this.refresh(person.key));
    store.on("resync", () => this.settle());
    setInterval(() => this.rows.size && this.refreshTimes(), 30_000);
    store.on("moved", () => this.refreshTimes());
  }

  begin(people, total) {
    this.show(people, total);
  }

  async read() {
    const asked = ++this.asked;
    const { name, app } = this.filter;
    const query = { query: this.query.value.trim(), limit: LIMIT };
    if (name !== "all") query.active = 1;
    if (name === "wrote") query.wrote = 1;
    if (app) query.app = app;
    this.root.classList.add("reading");
    try {
      const { people, total } = await api.getPeople(query);
      if (asked !== this.asked) return;
      for (const person of people) store.learn(person);
      this.show(people, total);
    } catch (error) {
      if (asked === this.asked) failed(error);
    } finally {
      if (asked === this.asked) this.root.classList.remove("reading");
    }
  }

  showFilters() {
    const { name, app } = this.filter;
    const choose = (filter) => () => {
      this.filter = { ...this.filter, ...filter };
      this.showFilters();
      this.read();
    };
    const names = ["all", "active", "wrote"].map((other) =>
      button({ class: "chip", "aria-pressed": other === name, onclick: choose({ name: other, app: other === "all" ? null : app }) }, t(`people.${other}`)),
    );
    const apps = APPS.map((other) =>
      button(
        { class: `chip glyph-chip tint-${other}`, label: t(`app.${other}`), "aria-pressed": other === app, onclick: choose(other === app ? { app: null } : { app: other, name: name === "all" ? "active" : name }) },
        icon(other),
      ),
    );
    fill(this.root.querySelector("#filters"), h("div", { class: "chips" }, names), h("div", { class: "chips" }, apps));
  }

  show(people, total) {
    this.people = people.map((person) => person.key);
    this.waiting.clear();
    this.showNews();
    this.rows = new Map(this.people.map((key) => [key, this.row(key)]));
    if (this.people.length) fill(this.list, [...this.rows.values()]);
    else {
      const empty = total === 0 ? "people.empty" : "people.none";
      fill(this.list, h("li", { class: "nothing" }, h("b", {}, t(empty)), h("span", {}, t(`${empty}.more`))));
    }
    const shown = t("people.shown", { shown: this.people.length, total });
    this.footing.textContent = this.people.length >= LIMIT ? `${shown}. ${t("people.more", { shown: LIMIT })}` : shown;
  }

  row(key) {
    const person = store.people.get(key);
    const on = this.table.has(key);
    const last = Object.entries(person.last ?? {}).sort(([, one], [, other]) => other.id - one.id);
    const [app, message] = last[0] ?? [];
    const line = message ? message.subject || glimpse(app, message.text) : t("people.quiet");
    const act = on ? "people.away" : "people.put";
    return h(
      "li",
      { "data-key": key },
      button(
        { class: `person ${on ? "on" : ""}`, "aria-pressed": on, title: t(act, { name: person.name }), onclick: () => this.table.toggle(key) },
        avatar(person),
        h(
          "span",
          { class: "who" },
          h("span", { class: "first" }, h("span", { class: "name" }, h("bdi", {}, person.name)), message && when(new Date(message.at), zoneOf(person), ago(new Date(message.at), store.now()))),
          h("span", { class: "second" }, app && icon(app, `tint-${app}`), message?.by === "customer" && icon("reply", "mine"), h("span", { class: "line", dir: "auto" }, line)),
        ),
      ),
    );
  }

  refresh(key) {
    const old = this.rows.get(key);
    if (!old) return;
    const focused = old.contains(document.activeElement);
    const row = this.row(key);
    this.rows.set(key, row);
    old.replaceWith(row);
    if (focused) row.querySelector("button").focus();
  }

  refreshTimes() {
    for (const [key, row] of this.rows) {
      const shown = row.querySelector("time");
      if (shown) shown.textContent = ago(new Date(shown.dateTime), store.now());
    }
  }

  arrived(key) {
    this.refresh(key);
    if (this.people[0] === key) return;
    this.waiting.add(key);
    this.settling ??= setTimeout(() => {
      this.settling = null;
      this.settle();
    }, SETTLING);
  }

  /** Nobody looks closely: put the list in order. Otherwise only say that there is news. */
  settle() {
    const reading = this.list.matches(":hover") || this.root.contains(document.activeElement) || this.list.scrollTop > 8 || this.query.value;
    if (reading) this.showNews();
    else this.read();
  }

  showNews() {
    const n = this.waiting.size;
    const pill = n > 0 && button({ class: "pill", onclick: () => this.read().then(() => (this.list.scrollTop = 0)) }, icon("up"), t("people.news", { n }));
    fill(this.news, pill);
  }

  key(event) {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      event.stopPropagation();
      this.move(step);
    }
  }

  move(step) {
    const buttons = [...this.list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    buttons[Math.max(0, Math.min(buttons.length - 1, at + step))]?.focus();
  }
}
