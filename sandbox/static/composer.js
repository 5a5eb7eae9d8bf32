// Where a customer writes: suggestions in their language, a field that grows, a button. A draft survives everything.

import { button, h, icon } from "./dom.js";
import { t } from "./texts.js";

const TALLEST = 120; // pixels

export class Composer {
  /** `send(text)` resolves to whether it was taken. `label` puts words on the button instead of a glyph. */
  constructor({ hint, quick = [], send, label = null }) {
    this.send = send;
    this.field = h("textarea", { rows: 1, dir: "auto", placeholder: hint, "aria-label": hint, oninput: () => this.grow(), onkeydown: (event) => this.key(event) });
    this.go = button({ class: "send", label: t("chat.send"), onclick: () => this.submit() }, label ?? icon("send"));
    this.chips = h("div", { class: "quick" }, quick.map((words) => button({ class: "chip", dir: "auto", onclick: () => this.take(words) }, words)));
    this.el = h("div", { class: "composer" }, quick.length > 0 && this.chips, h("div", { class: "line-in" }, this.field, this.go));
  }

  take(words) {
    this.field.value = words;
    this.grow();
    this.field.focus();
  }

  key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.submit();
    }
  }

  grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, TALLEST)}px`;
  }

  async submit() {
    const text = this.field.value.trim();
    if (!text || this.busy) return;
    this.busy = true;
    this.go.disabled = true;
    try {
      if (await this.send(text)) {
        this.field.value = "";
        this.grow();
      }
    } finally {
      this.busy = false;
      this.go.disabled = false;
      this.field.focus();
    }
  }
}
