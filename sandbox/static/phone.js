// One customer's phone: status bar, home screen, apps, dock. Views are kept in step by `sync()`.

import { Chat } from "./chat.js";
import { start } from "./deeds.js";
import { avatar, button, fill, glimpse, h, hue, icon } from "./dom.js";
import { Mail } from "./mail.js";
import { Shop } from "./shop.js";
import { APPS, store } from "./store.js";
import { ago, clockTime, country, exact, hourIn, longDate, num, t, when, zoneOf } from "./texts.js";

const NOTES = 12;
const NIGHT = { from: 21, to: 8 }; // outside a marketer's hours
const BANNER_STAYS = 5_000; // milliseconds

/** Whether the person has the app on the phone. */
function owns(person, app) {
  if (app === "email") return Boolean(person.email);
  if (app === "telegram") return Boolean(person.telegram);
  return app === "shop" || person[app];
}

export class Phone {
  /** `onclose()` when the phone is put away. `auto`: it lies there until someone with messages needs the place. */
  constructor(key, { onclose, auto = false }) {
    this.key = key;
    this.auto = auto;
    this.view = null;
    this.app = null;
    this.time = h("span", { class: "now" });
    this.moon = h("span", { class: "moon" });
    this.place = h("span", { class: "where" });
    this.body = h("div", { class: "body" });
    this.banner = h("div", { class: "banners" });
    this.sheetPlace = h("div", { class: "sheet-place" });
    this.dock = h("nav", { class: "dock" });
    this.el = h(
      "article",
      { class: "seat", "data-key": key, "aria-label": t("phone.of", { name: this.person.name }), tabindex: "-1", onkeydown: (event) => this.pressed(event) },
      h(
        "header",
        { class: "caption" },
        avatar(this.person),
        h("span", { class: "who" }, h("h2", { class: "name", tabindex: "-1" }, h("bdi", {}, this.person.name)), this.place),
        h("span", { class: "tag", lang: "en" }, this.person.lang.toUpperCase()),
        button({ class: "bare", label: t("people.away", { name: this.person.name }), onclick: onclose }, icon("close")),
      ),
      h(
        "div",
        { class: "device" },
        h("div", { class: "screen" }, h("div", { class: "bar" }, this.time, h("span", { class: "marks" }, this.moon, icon("signal"), icon("battery"))), this.body, this.banner, this.sheetPlace, this.dock),
      ),
    );
    this.el.addEventListener("pointerdown", () => (this.auto = false), { capture: true });
    this.el.addEventListener("focusin", () => (this.auto = false));
    this.home();
    this.tick();
  }

  get person() {
    return store.people.get(this.key);
  }

  get zone() {
    return zoneOf(this.person);
  }

  /** Whether the place may be given to somebody else. */
  get idle() {
    return this.auto && APPS.every((app) => store.thread(this.key, app).length === 0);
  }

  open(app, message = null) {
    if (!owns(this.person, app)) return;
    this.app = app;
    const views = { email: Mail, shop: Shop };
    this.view = new (views[app] ?? Chat)(this, app);
    fill(this.body, this.view.el);
    this.sheet(null);
    this.view.sync();
    if (message !== null) this.view.show?.(message);
    this.view.shown?.();
    this.showDock();
    this.banner.replaceChildren();
  }

  home() {
    this.app = null;
    this.view = new Home(this);
    fill(this.body, this.view.el);
    this.view.sync();
    this.showDock();
  }

  back() {
    if (this.view?.back?.()) return;
    if (this.app !== null) this.home();
    this.dock.querySelector("button")?.focus();
  }

  /** The threads or the person changed. */
  sync() {
    this.view?.sync();
    this.showDock();
  }

  /** A message came while another screen is in front: show it for a moment, over what is there. */
  arrived(app, message) {
    if (this.app === null || this.app === app || message.by === "customer") return;
    const note = button({ class: "note", onclick: () => this.open(app, message) }, noteBody(app, message, null));
    fill(this.banner, note);
    setTimeout(() => note.remove(), BANNER_STAYS);
  }

  tick() {
    const now = new Date(store.now());
    const time = clockTime(now, this.zone);
    if (this.time.textContent !== time) {
      this.time.textContent = time;
      this.time.title = exact(now, this.zone);
      const hour = hourIn(now, this.zone);
      const night = hour >= NIGHT.from || hour < NIGHT.to;
      fill(this.moon, night && icon("moon"));
      this.moon.title = night ? t("phone.night") : "";
      const land = this.person.country ? country(this.person.country) : this.zone;
      fill(this.place, h("bdi", {}, land), " · ", when(now, this.zone, time));
    }
    this.view?.tick?.(now);
  }

  showDock() {
    const entry = (app) => {
      const missing = !owns(this.person, app);
      const unread = app === "shop" ? 0 : store.unread(this.key, app);
      const label = unread ? `${t(`app.${app}`)}: ${t("app.unread", { n: unread })}` : t(`app.${app}`);
      return button(
        { class: `app tint-${app}`, label: missing ? t("app.missing", { name: this.person.name }) : label, "data-app": app, "aria-current": this.app === app ? "true" : null, disabled: missing, onclick: () => (this.app === app && !this.view.back?.() ? this.home() : this.open(app)) },
        h("span", { class: "tile" }, icon(app), unread > 0 && h("span", { class: "badge", "aria-hidden": "true" }, unread > 99 ? "99+" : num(unread))),
        h("span", { class: "app-name", "aria-hidden": "true" }, t(`app.${app}`)),
      );
    };
    const state = [...APPS, "shop"].map((app) => `${app}${owns(this.person, app)}${app === "shop" ? 0 : store.unread(this.key, app)}${this.app === app}`).join();
    if (this.dockState === state) return;
    this.dockState = state;
    const focused = this.dock.contains(document.activeElement) ? document.activeElement.dataset.app : null;
    fill(this.dock, [...APPS, "shop"].map(entry));
    if (focused) this.dock.querySelector(`[data-app=${focused}]`)?.focus();
  }

  /** A sheet from below: where a link led. Null takes it away. */
  sheet(led) {
    if (led === null || led === undefined) return fill(this.sheetPlace);
    if (led.started) return this.open("telegram");
    const close = () => this.sheet(null);
    const local = /^http:\/\/(127\.|localhost|\[::1\])/.test(led.target);
    return fill(
      this.sheetPlace,
      h(
        "div",
        { class: "sheet", role: "group", "aria-label": t("link.led") },
        h("div", { class: "sheet-head" }, h("span", {}, t("link.led")), button({ class: "bare", label: t("close"), onclick: close }, icon("close"))),
        h("code", { dir: "ltr" }, led.target),
        h(
          "div",
          { class: "sheet-acts" },
          led.payload && button({ class: "strong", onclick: async () => this.sheet(await start(this.key, led.payload)) }, icon("telegram"), t("link.start")),
          local && h("a", { class: "button", href: led.target, target: "_blank", rel: "noopener noreferrer" }, t("link.tab")),
        ),
      ),
    );
  }

  pressed(event) {
    if (event.key === "Escape") {
      event.stopPropagation();
      if (this.sheetPlace.firstChild) this.sheet(null);
      else this.back();
    }
  }
}

/** The home screen: large time, what is special about this person, and what came. */
class Home {
  constructor(phone) {
    this.phone = phone;
    this.clock = h("div", { class: "big" });
    this.date = h("div", { class: "date" });
    this.facts = h("ul", { class: "facts" });
    this.notes = h("ul", { class: "notes" });
    this.el = h("div", { class: `home wall-${hue(phone.key)}`, tabindex: "-1" }, this.clock, this.date, this.facts, this.notes);
  }

  tick(now) {
    this.clock.textContent = clockTime(now, this.phone.zone);
    this.date.textContent = longDate(now, this.phone.zone);
    for (const shown of this.notes.querySelectorAll("time")) shown.textContent = ago(new Date(shown.dateTime), now);
  }

  sync() {
    const { phone } = this;
    const { person } = phone;
    const now = new Date(store.now());
    const facts = [
      person.mailbox !== "ok" && person.email && t(`fact.mailbox.${person.mailbox}`),
      person.telegram?.blocked && t("fact.blocked"),
      person.sms_stopped && t("fact.stopped"),
      person.bought > 0 && t("fact.bought", { n: person.bought }),
    ].filter(Boolean);
    fill(this.facts, facts.map((fact) => h("li", {}, fact)));
    const came = APPS.flatMap((app) => store.thread(phone.key, app).filter((message) => message.by === "company").map((message) => ({ app, message })));
    came.sort((one, other) => other.message.id - one.message.id);
    const shown = came.slice(0, NOTES);
    const wanted = shown.map(({ message }) => `${message.id}`).join();
    if (this.wanted !== wanted) {
      const fresh = this.wanted !== undefined;
      this.wanted = wanted;
      fill(this.notes, shown.length ? shown.map(({ app, message }) => this.note(app, message, fresh && message.id > this.last)) : this.quiet());
      this.last = shown[0]?.message.id ?? 0;
    }
    this.tick(now);
  }

  note(app, message, fresh) {
    return h("li", {}, button({ class: `note ${fresh ? "fresh" : ""}`, onclick: () => this.phone.open(app, message) }, noteBody(app, message, this.phone.zone)));
  }

  quiet() {
    return h("li", { class: "quiet" }, h("b", {}, t("home.quiet")), h("span", {}, t("home.quiet.more")));
  }
}

function noteBody(app, message, zone) {
  const at = new Date(message.at);
  return [
    icon(app, `glyph tint-${app}`),
    h(
      "span",
      { class: "note-body" },
      h("span", { class: "note-app" }, t(`app.${app}`), zone && when(at, zone, ago(at, store.now()))),
      message.subject && h("b", { dir: "auto" }, message.subject),
      h("span", { class: "note-text", dir: "auto" }, glimpse(app, message.text)),
    ),
  ];
}
