// The company's shop as this customer sees it: an amount, a button.

import { act } from "./deeds.js";
import { button, fill, h, icon } from "./dom.js";
import { t } from "./texts.js";
import { toast } from "./toast.js";

const CURRENCIES = { RU: "RUB", IR: "IRR", GB: "GBP", US: "USD" };
const AMOUNTS = { RUB: ["990", "2490", "4900"], IRR: ["900000", "2500000", "5000000"] };
const USUAL = ["9.90", "24.90", "49.90"];

export class Shop {
  constructor(phone) {
    this.phone = phone;
    this.currency = CURRENCIES[phone.person.country?.toUpperCase()] ?? "USD";
    const amounts = AMOUNTS[this.currency] ?? USUAL;
    this.field = h("input", { type: "text", inputmode: "decimal", dir: "ltr", value: amounts[1], "aria-label": t("shop.amount"), maxlength: 12 });
    this.count = h("p", { class: "sub" });
    this.go = button({ class: "wide strong", onclick: () => this.buy() }, icon("shop"), t("shop.buy"));
    this.el = h(
      "section",
      { class: "app-view shop" },
      h("header", { class: "app-head" }, button({ class: "bare", label: t("phone.back"), onclick: () => phone.back() }, icon("back", "turns")), h("span", { class: "who" }, h("b", {}, t("shop.title")))),
      h(
        "div",
        { class: "shop-body" },
        h("span", { class: "shop-mark tint-shop", "aria-hidden": "true" }, icon("shop")),
        h("p", {}, t("shop.intro")),
        h("div", { class: "chips" }, amounts.map((amount) => button({ class: "chip", dir: "ltr", onclick: () => (this.field.value = amount) }, amount))),
        h("label", { class: "amount" }, h("span", {}, t("shop.amount")), this.field, h("span", { class: "sub", dir: "ltr" }, this.currency)),
        this.go,
        this.count,
      ),
    );
  }

  sync() {
    fill(this.count, t("shop.count", { n: this.phone.person.bought ?? 0 }));
  }

  async buy() {
    const amount = this.field.value.trim().replace(",", ".");
    this.field.setAttribute("aria-invalid", String(!/^\d+(\.\d{1,2})?$/.test(amount)));
    if (this.field.getAttribute("aria-invalid") === "true") return this.field.focus();
    this.go.disabled = true;
    const result = await act(this.phone.key, { do: "buy", amount, currency: this.currency });
    this.go.disabled = false;
    if (result !== null) toast(t("shop.thanks", { result }));
  }
}
