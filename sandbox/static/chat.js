// Telegram, WhatsApp and SMS: bubbles, buttons under them, a line to write on.

import { act, follow, isLoopback, landed } from "./deeds.js";
import { button, fill, h, icon, linked, whatsappMarked } from "./dom.js";
import { Composer } from "./composer.js";
import { store } from "./store.js";
import { clockTime, dayKey, shortDate, t, when } from "./texts.js";

const NEAR_END = 60; // pixels from the end of a thread that still count as reading the latest

export class Chat {
  constructor(phone, app) {
    this.phone = phone;
    this.app = app;
    this.nodes = new Map(); // message id → {el, mark}
    this.days = null;
    this.thread = h("div", { class: "thread", role: "log", "aria-label": t(`app.${app}`), tabindex: "0", onscroll: () => this.scrolled() });
    this.more = h("div", { class: "more" });
    this.foot = h("div", { class: "foot" });
    this.headActs = h("span", { class: "head-acts" });
    this.composer = new Composer({ hint: t("chat.hint"), quick: this.quick(), send: (text) => this.write(text) });
    this.el = h("section", { class: `app-view chat in-${app}` }, this.head(), this.thread, this.more, this.foot);
  }

  get person() {
    return this.phone.person;
  }

  quick() {
    const own = store.quick[this.person.lang] ?? [];
    return this.app === "telegram" ? [...own, "/stop"] : [...own, "STOP"];
  }

  head() {
    return h(
      "header",
      { class: "app-head" },
      button({ class: "bare", label: t("phone.back"), onclick: () => this.phone.back() }, icon("back", "turns")),
      h("span", { class: `mark tint-${this.app}`, "aria-hidden": "true" }, icon(this.app)),
      h("span", { class: "who" }, (this.title = h("b", {}, this.app === "telegram" ? "Otklik" : t(`app.${this.app}`))), (this.sub = h("span", { class: "sub" }))),
      this.headActs,
    );
  }

  sync() {
    const messages = store.thread(this.phone.key, this.app);
    const atEnd = this.nearEnd();
    const days = messages.map((message) => `${message.id}:${message.at.slice(0, 10)}`).join();
    const grew = messages.filter((message) => message.by !== "customer" && !this.nodes.has(message.id)).length;
    const wrote = messages.some((message) => message.by === "customer" && !this.nodes.has(message.id));
    const first = this.nodes.size === 0;
    for (const message of messages) this.place(message);
    if (this.days !== days) {
      this.days = days;
      this.arrange(messages);
    }
    this.showFoot();
    if (first || atEnd || wrote) this.toEnd();
    else if (grew) this.announceNew(grew);
    if (this.nearEnd()) store.markSeen(this.phone.key, this.app);
    const sender = messages.findLast((message) => message.by === "company")?.from;
    if (this.app !== "telegram" && sender) fill(this.title, h("bdi", { dir: "ltr" }, sender.replace("whatsapp:", "")));
    this.sub.textContent = this.app === "telegram" ? t("telegram.bot") : sender ? t(`app.${this.app}`) : "";
  }

  shown() {
    this.toEnd();
    store.markSeen(this.phone.key, this.app);
  }

  place(message) {
    const mark = JSON.stringify([message.text, message.status, message.buttons, message.clicks, message.edited]);
    const old = this.nodes.get(message.id);
    if (old?.mark === mark) return;
    const el = this.bubble(message);
    if (old) {
      const focused = old.el.contains(document.activeElement);
      old.el.replaceWith(el);
      if (focused) el.querySelector("button")?.focus();
    }
    this.nodes.set(message.id, { el, mark });
  }

  arrange(messages) {
    const kept = new Set(messages.map((message) => message.id));
    for (const id of this.nodes.keys()) if (!kept.has(id)) this.nodes.delete(id);
    const { zone } = this.phone;
    const children = [];
    let day = null;
    for (const message of messages) {
      const at = new Date(message.at);
      const key = dayKey(at, zone);
      if (key !== day) children.push(h("div", { class: "day" }, h("span", {}, key === dayKey(new Date(store.now()), zone) ? t("chat.today") : shortDate(at, zone))));
      day = key;
      children.push(this.nodes.get(message.id).el);
    }
    if (!children.length) children.push(h("p", { class: "empty" }, icon(this.app), h("span", {}, t("chat.empty"))));
    const top = this.thread.scrollTop;
    this.thread.replaceChildren(...children);
    this.thread.scrollTop = top;
  }

  bubble(message) {
    const mine = message.by === "customer";
    const go = (url) => this.follow(message, url);
    const text = this.app === "whatsapp" ? whatsappMarked(message.text, go) : linked(message.text, go);
    const at = new Date(message.at);
    return h(
      "div",
      { class: `bubble-row ${mine ? "mine" : message.by}`, "data-id": message.id },
      h(
        "div",
        { class: "bubble" },
        h("div", { class: "words", dir: "auto" }, text),
        h("div", { class: "meta" }, message.edited && h("span", {}, t("chat.edited")), when(at, this.phone.zone, clockTime(at, this.phone.zone)), this.status(message, mine)),
      ),
      message.buttons?.length ? this.keyboard(message) : null,
    );
  }

  status(message, mine) {
    if (mine) {
      if (message.status === null || message.status === "delivered") return icon("checks", "ticks");
      const words = t("chat.notTaken", { status: message.status });
      return h("span", { class: "untaken", title: words }, icon("warn"), h("span", { class: "unseen" }, words));
    }
    if (this.app !== "whatsapp" || message.by !== "company") return null;
    if (message.status === "read") return h("span", { class: "read" }, icon("checks", "ticks"), t("chat.status.read"));
    return button({ class: "link", onclick: () => act(this.phone.key, { do: "read", channel: this.app, message: message.id }) }, t("chat.seen"));
  }

  keyboard(message) {
    let nth = 0;
    const pressed = new Set(message.clicks ?? []);
    const key = (entry) => {
      const number = ++nth;
      const words = String(entry.text ?? "");
      return button(
        { class: `key ${pressed.has(words) ? "pressed" : ""}`, title: pressed.has(words) && t("telegram.pressed"), onclick: (event) => this.press(event.currentTarget, message, entry, number) },
        h("bdi", { dir: "auto" }, words),
        entry.url && icon("out", "outward"),
      );
    };
    return h("div", { class: "keyboard" }, message.buttons.map((row) => h("div", { class: "keys" }, row.map(key))));
  }

  async press(pressed, message, entry, number) {
    if (entry.url && (entry.url.startsWith("tg:") || !isLoopback(entry.url))) {
      this.phone.sheet(await follow(this.phone.key, this.app, message, entry.url, []));
      return;
    }
    pressed.classList.add("waits");
    const result = await act(this.phone.key, { do: "press", channel: this.app, message: message.id, nth: number });
    pressed.classList.remove("waits");
    if (entry.url) this.phone.sheet(landed(result));
  }

  async follow(message, url) {
    const links = [...message.text.matchAll(/https?:\/\/[^\s<>"'\u00ab\u00bb]+/g)].map((match) => match[0].replace(/[.,;:!?)]+$/, ""));
    this.phone.sheet(await follow(this.phone.key, this.app, message, url, links));
  }

  async write(text) {
    return (await act(this.phone.key, { do: "write", channel: this.app, text })) !== null;
  }

  showFoot() {
    const { telegram, sms_stopped: stopped } = this.person;
    const state = this.app === "telegram" ? `${telegram?.started}${telegram?.blocked}${telegram?.deactivated}` : `${stopped}`;
    if (this.state === state) return;
    this.state = state;
    const act_ = (deed) => () => act(this.phone.key, { ...deed, channel: this.app });
    if (this.app !== "telegram") {
      const note = this.app === "sms" && stopped && h("div", { class: "told" }, h("span", {}, t("sms.stopped")), button({ class: "strong", onclick: act_({ do: "start" }) }, "START"));
      fill(this.foot, note, this.composer.el);
      return;
    }
    fill(this.headActs);
    if (telegram.deactivated) fill(this.foot, h("div", { class: "told" }, t("telegram.deactivated")));
    else if (telegram.blocked) fill(this.foot, h("div", { class: "told" }, h("span", {}, t("telegram.blocked"))), button({ class: "wide strong", onclick: act_({ do: "unblock_bot" }) }, t("telegram.unblock")));
    else {
      fill(this.headActs, button({ class: "bare", label: t("telegram.block"), onclick: act_({ do: "block_bot" }) }, icon("block")));
      if (telegram.started) fill(this.foot, this.composer.el);
      else fill(this.foot, h("div", { class: "told" }, t("telegram.intro")), button({ class: "wide strong", onclick: act_({ do: "start_bot" }) }, t("telegram.start")));
    }
  }

  // Reading

  nearEnd() {
    return this.thread.scrollHeight - this.thread.scrollTop - this.thread.clientHeight < NEAR_END;
  }

  toEnd() {
    this.thread.scrollTop = this.thread.scrollHeight;
    this.fresh = 0;
    fill(this.more);
  }

  scrolled() {
    if (this.nearEnd() && this.more.firstChild) {
      this.fresh = 0;
      fill(this.more);
      store.markSeen(this.phone.key, this.app);
    }
  }

  announceNew(n) {
    this.fresh = (this.fresh ?? 0) + n;
    fill(this.more, button({ class: "pill", onclick: () => this.shown() }, icon("up", "down"), t("chat.new", { n: this.fresh })));
  }

  back() {
    return false;
  }
}
