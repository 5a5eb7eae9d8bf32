// The mail program: an inbox, a letter in a frame that can do nothing by itself, an answer.

import * as api from "./api.js";
import { Composer } from "./composer.js";
import { act, follow } from "./deeds.js";
import { button, fill, glimpse, h, icon, linked } from "./dom.js";
import { store } from "./store.js";
import { ago, clockTime, shortDate, t, when } from "./texts.js";
import { toast } from "./toast.js";

const NARROWEST_ZOOM = 0.4;
const ADDRESS = /<([^<>]*)>\s*$/;

/** The shown name of a From header. */
function nameOf(from) {
  const name = (from ?? "").replace(ADDRESS, "").trim().replace(/^"(.*)"$/, "$1");
  return name || ADDRESS.exec(from ?? "")?.[1] || from || "?";
}

export class Mail {
  constructor(phone) {
    this.phone = phone;
    this.read = (phone.readMails ??= new Set());
    this.letter = null;
    this.list = h("ul", { class: "inbox" });
    this.title = h("b", {}, t("mail.inbox"));
    this.inbox = h(
      "div",
      { class: "mail-list" },
      h(
        "header",
        { class: "app-head" },
        button({ class: "bare", label: t("phone.back"), onclick: () => phone.back() }, icon("back", "turns")),
        h("span", { class: "who" }, this.title, h("span", { class: "sub", dir: "ltr" }, phone.person.email)),
        button({ class: "bare", label: t("mail.write"), onclick: () => this.compose() }, icon("pencil")),
      ),
      this.list,
    );
    this.el = h("section", { class: "app-view mail" }, this.inbox);
  }

  sync() {
    const messages = store.thread(this.phone.key, "email").toReversed();
    const state = messages.map((message) => `${message.id}${message.opened}${message.status}${this.read.has(message.id)}`).join();
    if (this.state === state) return;
    this.state = state;
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    const top = this.list.scrollTop;
    const rows = messages.map((message) => this.row(message));
    fill(this.list, rows.length ? rows : h("li", { class: "empty" }, icon("email"), h("span", {}, t("mail.empty"))));
    this.list.scrollTop = top && top + (this.height ? this.list.scrollHeight - this.height : 0); // new mail above moves nothing
    this.height = this.list.scrollHeight;
    if (focused) this.list.querySelector(`[data-id="${focused}"]`)?.focus();
    if (!this.letter) store.markSeen(this.phone.key, "email");
  }

  shown() {
    if (!this.letter) store.markSeen(this.phone.key, "email");
  }

  row(message) {
    const mine = message.by === "customer";
    const at = new Date(message.at);
    const fresh = !mine && !message.opened && !this.read.has(message.id);
    return h(
      "li",
      {},
      button(
        { class: `letter-row ${fresh ? "fresh" : ""}`, "data-id": message.id, onclick: () => this.show(message) },
        h("span", { class: "first" }, mine && icon("reply", "mine"), h("bdi", { class: "from" }, mine ? this.phone.person.name : nameOf(message.from)), when(at, this.phone.zone, ago(at, store.now()))),
        h("span", { class: "subject", dir: "auto" }, message.subject || t("mail.nosubject")),
        h("span", { class: "preview", dir: "auto" }, glimpse("email", message.text).slice(0, 160)),
      ),
    );
  }

  tick(now) {
    for (const shown of this.list.querySelectorAll("time")) shown.textContent = ago(new Date(shown.dateTime), now);
  }

  async show(message) {
    this.read.add(message.id);
    store.markSeen(this.phone.key, "email");
    const letter = new Letter(this, message);
    this.letter = letter;
    fill(this.el, letter.el);
    letter.el.querySelector("button").focus({ preventScroll: true });
    await letter.load();
  }

  compose() {
    this.letter = new NewMail(this);
    fill(this.el, this.letter.el);
    this.letter.composer.field.focus();
  }

  back() {
    if (!this.letter) return false;
    const { message } = this.letter;
    this.letter = null;
    this.state = null;
    fill(this.el, this.inbox);
    this.sync();
    if (message) this.list.querySelector(`[data-id="${message.id}"]`)?.focus();
    return true;
  }
}

function back(mail) {
  return button({ class: "bare", label: t("phone.back"), onclick: () => mail.phone.back() }, icon("back", "turns"));
}

class NewMail {
  constructor(mail) {
    this.message = null;
    this.composer = new Composer({
      hint: t("mail.write"),
      quick: store.quick[mail.phone.person.lang],
      label: t("chat.send"),
      send: async (text) => {
        const sent = (await act(mail.phone.key, { do: "write", channel: "email", text })) !== null;
        if (sent) mail.back();
        return sent;
      },
    });
    this.el = h("div", { class: "letter" }, h("header", { class: "app-head" }, back(mail), h("span", { class: "who" }, h("b", {}, t("mail.write")), h("span", { class: "sub" }, t("mail.toCompany")))), h("div", { class: "grow" }), h("div", { class: "foot" }, this.composer.el));
  }
}

class Letter {
  constructor(mail, message) {
    this.mail = mail;
    this.message = message;
    this.links = [];
    const { phone } = mail;
    const at = new Date(message.at);
    const mine = message.by === "customer";
    this.acts = h("div", { class: "letter-acts" });
    this.told = h("div", { class: "pictures" });
    this.body = h("div", { class: "letter-body", dir: "auto" }, h("p", { class: "empty" }, t("mail.loading")));
    this.composer = new Composer({ hint: t("mail.reply.hint"), quick: store.quick[phone.person.lang], label: t("mail.reply"), send: (text) => this.reply(text) });
    this.el = h(
      "div",
      { class: "letter" },
      h("header", { class: "app-head" }, back(mail), h("span", { class: "who" }, h("b", {}, h("bdi", {}, message.subject || t("mail.nosubject"))))),
      h(
        "div",
        { class: "letter-scroll", tabindex: "0" },
        h("h3", { class: "letter-subject", dir: "auto" }, message.subject || t("mail.nosubject")),
        h("div", { class: "letter-from" }, h("span", { class: "who" }, h("bdi", { class: "name" }, mine ? phone.person.name : nameOf(message.from)), h("span", { class: "sub", dir: "ltr" }, mine ? phone.person.email : (ADDRESS.exec(message.from ?? "")?.[1] ?? ""))), when(at, phone.zone, `${shortDate(at, phone.zone)} · ${clockTime(at, phone.zone)}`)),
        this.acts,
        this.told,
        this.body,
      ),
      !mine && h("div", { class: "foot" }, this.composer.el),
    );
  }

  async load() {
    const { key } = this.mail.phone;
    let letter = null;
    try {
      if (this.message.has_mail) letter = await api.getLetter(key, this.message.id);
    } catch {
      // the sandbox keeps the newest letters only
    }
    if (letter === null) {
      fill(this.told, t("mail.gone"));
      fill(this.body, h("div", { class: "plain", dir: "auto" }, this.message.text));
      return;
    }
    this.links = letter.links;
    this.showActs(letter.headers);
    if (letter.html) this.showFrame(/<img\s|background\s*=|url\(/i.test(letter.html));
    else fill(this.body, h("div", { class: "plain", dir: "auto" }, linked(letter.text, (url) => this.follow(url))));
  }

  showActs(headers) {
    if (this.message.by === "customer") return;
    const oneClick = /one-click/i.test(headers["list-unsubscribe-post"] ?? "") && headers["list-unsubscribe"];
    fill(
      this.acts,
      oneClick && button({ class: "small strong", title: t("mail.unsubscribe.long"), onclick: () => this.deed("one_click", "mail.unsubscribed") }, icon("bell"), t("mail.unsubscribe")),
      button({ class: "small", onclick: () => this.deed("auto_reply", "mail.auto.done") }, icon("away"), t("mail.auto")),
      button({ class: "small", onclick: () => this.deed("complain", "mail.spam.done") }, icon("flag"), t("mail.spam")),
    );
  }

  showFrame(pictures) {
    const { key } = this.mail.phone;
    // Same origin without scripts: nothing in the letter can act, and this page may catch presses on its links.
    const frame = h("iframe", { class: "frame", sandbox: "allow-same-origin", title: t("mail.frame"), referrerpolicy: "no-referrer", src: api.letterUrl(key, this.message.id, false), onload: () => this.framed(frame) });
    const ask = () => {
      frame.src = api.letterUrl(key, this.message.id, true);
      fill(this.told);
    };
    fill(this.told, pictures && [h("span", { title: t("mail.pictures.why") }, icon("picture"), t("mail.pictures")), button({ class: "small", onclick: ask }, t("mail.show"))]);
    fill(this.body, frame);
  }

  framed(frame) {
    const page = frame.contentDocument;
    if (!page?.body) return;
    const root = page.documentElement;
    const fit = () => {
      root.style.zoom = 1; // a wide letter is shrunk to the phone, as mail programs do
      root.style.zoom = Math.max(NARROWEST_ZOOM, Math.min(1, frame.clientWidth / Math.max(1, root.scrollWidth)));
      frame.style.height = "0";
      frame.style.height = `${Math.max(80, Math.ceil(root.getBoundingClientRect().height), root.scrollHeight)}px`;
    };
    fit();
    let width = 0;
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width !== width) fit();
      width = contentRect.width;
    }).observe(this.body);
    for (const image of page.images) image.addEventListener("load", fit);
    const caught = (event) => {
      const link = event.target.closest?.("a[href], area[href], form, [formaction]");
      if (!link) return;
      event.preventDefault();
      if (event.type === "click" && link.hasAttribute("href")) this.follow(link.getAttribute("href").trim());
    };
    for (const kind of ["click", "auxclick", "submit"]) page.addEventListener(kind, caught, { capture: true });
  }

  async follow(url) {
    if (url.startsWith("#")) return;
    const { phone } = this.mail;
    phone.sheet(await follow(phone.key, "email", this.message, url, this.links));
  }

  async deed(kind, done) {
    const result = await act(this.mail.phone.key, { do: kind, channel: "email", message: this.message.id });
    if (result !== null) toast(t(done, { result }));
  }

  async reply(text) {
    const sent = (await act(this.mail.phone.key, { do: "reply", channel: "email", message: this.message.id, text })) !== null;
    if (sent) toast(t("done"));
    return sent;
  }
}
