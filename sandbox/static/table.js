// The table with the phones: which lie there, in which order; kept in the address, so that a scene can be shared.

import { button, fill, h } from "./dom.js";
import { GroupPhone } from "./group.js";
import { Phone } from "./phone.js";
import { store } from "./store.js";
import { t } from "./texts.js";
import { announce, failed, toast } from "./toast.js";

const LIMIT = 12; // as in page.py
const NARROW = 700; // pixels
const NARROWEST = 292; // of a phone, as in phone.css
const GAP = 26;

export class Table {
  constructor(root) {
    this.root = root;
    this.seats = new Map(); // key → Phone, in order
    this.tabs = h("nav", { class: "tabs", "aria-label": t("phones") });
    root.before(this.tabs);
    this.onchange = () => {};
    store.on("phone", (key) => this.seats.get(key)?.sync());
    store.on("seen", (key) => this.seats.get(key)?.showDock());
    store.on("group", (key) => this.has(key) || this.addGroup(key));
    store.on("clock", () => this.tick());
    store.on("message", (event) => this.arrived(event));
    setInterval(() => this.tick(), 1_000);
    root.addEventListener("scroll", () => this.markTab(), { passive: true });
  }

  begin(phones, chosen) {
    fill(this.root);
    for (const key of store.groups.keys()) this.seatGroup(key);
    const free = Math.max(1, this.places() - this.seats.size);
    for (const person of phones.slice(0, chosen ? LIMIT : free)) this.seat(person.key, !chosen);
    this.changed();
  }

  /** How many phones are seen at once; on a narrow screen one swipes through all. */
  places() {
    const { clientWidth } = this.root;
    return clientWidth < NARROW ? LIMIT : Math.max(2, Math.floor((clientWidth - GAP) / (NARROWEST + GAP)));
  }

  has(key) {
    return this.seats.has(key);
  }

  seat(key, auto) {
    const phone = new Phone(key, { auto, onclose: () => this.remove(key) });
    this.seats.set(key, phone);
    this.root.querySelector(":scope > .nothing")?.remove();
    this.root.append(phone.el);
    return phone;
  }

  /** The staff's group lies there as a phone of one of its members. */
  seatGroup(key) {
    const phone = new GroupPhone(key, { onclose: () => this.remove(key) });
    this.seats.set(key, phone);
    this.root.querySelector(":scope > .nothing")?.remove();
    this.root.append(phone.el);
    return phone;
  }

  addGroup(key) {
    this.seatGroup(key);
    this.changed(true);
  }

  async toggle(key) {
    if (this.has(key)) this.remove(key);
    else await this.add(key);
  }

  async add(key, { auto = false } = {}) {
    const idle = [...this.seats.values()].find((phone) => phone.idle);
    if (this.seats.size >= LIMIT && !idle) {
      toast(t("phones.full", { n: LIMIT }));
      return;
    }
    try {
      await store.readPhone(key);
    } catch (error) {
      failed(error);
      return;
    }
    if (this.has(key)) return;
    const phone = this.seat(key, auto);
    if (idle && this.seats.has(idle.key)) this.replace(idle, phone);
    this.changed(auto);
    if (!auto) phone.el.scrollIntoView({ inline: "center", block: "nearest", behavior: "smooth" });
  }

  /** `phone` takes the place of one that nobody used. */
  replace(idle, phone) {
    idle.el.replaceWith(phone.el);
    const order = [...this.seats].filter(([key]) => key !== phone.key && key !== idle.key);
    const place = [...this.seats.keys()].indexOf(idle.key);
    order.splice(place, 0, [phone.key, phone]);
    this.seats = new Map(order);
    store.dropPhone(idle.key);
    this.onchange(idle.key);
  }

  remove(key) {
    const phone = this.seats.get(key);
    const next = phone.el.nextElementSibling ?? phone.el.previousElementSibling;
    const held = phone.el.contains(document.activeElement);
    phone.el.remove();
    this.seats.delete(key);
    store.dropPhone(key);
    this.changed();
    this.onchange(key);
    if (held) (next ?? this.root).focus({ preventScroll: true });
  }

  /** A message for somebody: shown on their phone, which comes to the table if there is a place nobody uses. */
  arrived({ key, name, app, message }) {
    const phone = this.seats.get(key);
    if (phone) {
      phone.arrived(app, message);
      if (message.by === "company") announce(t(`tick.${app}.in`, { name, text: message.subject || message.text }));
      return;
    }
    if (message.by !== "company" || this.inviting || ![...this.seats.values()].some((other) => other.idle)) return;
    this.inviting = true;
    this.add(key, { auto: true }).finally(() => (this.inviting = false));
  }

  changed(quietly = false) {
    if (!this.seats.size) fill(this.root, h("div", { class: "nothing" }, h("b", {}, t("phones.empty")), h("span", {}, t("phones.empty.more"))));
    const keys = [...this.seats.keys()];
    const people = keys.filter((key) => !store.groups.has(key));
    const address = new URL(location.href);
    if (!quietly && people.some((key) => !this.seats.get(key).auto)) address.searchParams.set("phones", people.join(","));
    history.replaceState(null, "", address);
    fill(
      this.tabs,
      keys.map((key) => button({ class: "tab", "data-key": key, onclick: () => this.go(key) }, h("bdi", {}, this.seats.get(key).person.name))),
    );
    this.markTab();
    for (const key of keys) this.onchange(key);
  }

  go(key) {
    const phone = this.seats.get(key);
    phone?.el.scrollIntoView({ inline: "center", block: "nearest", behavior: "smooth" });
    phone?.el.focus({ preventScroll: true });
  }

  /** The nth phone, from 1. */
  goTo(number) {
    const key = [...this.seats.keys()][number - 1];
    if (key !== undefined) this.go(key);
  }

  markTab() {
    const middle = this.root.getBoundingClientRect();
    const at = middle.left + middle.width / 2;
    for (const tab of this.tabs.children) {
      const box = this.seats.get(tab.dataset.key)?.el.getBoundingClientRect();
      const current = box && box.left <= at && box.right >= at;
      if (current !== tab.hasAttribute("aria-current")) {
        if (current) {
          tab.setAttribute("aria-current", "true");
          this.tabs.scrollLeft += tab.getBoundingClientRect().left - this.tabs.getBoundingClientRect().left - (this.tabs.clientWidth - tab.clientWidth) / 2;
        } else tab.removeAttribute("aria-current");
      }
    }
  }

  tick() {
    for (const phone of this.seats.values()) phone.tick();
  }
}
