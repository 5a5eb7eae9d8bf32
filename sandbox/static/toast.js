// Short words on what was done, and announcements for those who listen.

import { button, fill, h, icon } from "./dom.js";
import { t } from "./texts.js";

const STAYS = 6_000; // milliseconds
const ANNOUNCED_EVERY = 1_500;

let shelf = null;
let announcing = null;
let toAnnounce = "";

function place() {
  if (!shelf) {
    shelf = h("div", { class: "toasts", role: "status" });
    document.body.append(shelf);
  }
  return shelf;
}

/** Say something at the foot of the page; `action` is {label, act}. */
export function toast(text, { kind = "", action = null, stays = STAYS } = {}) {
  const note = h("div", { class: `toast ${kind}` }, kind === "wrong" && icon("warn"), h("span", { dir: "auto" }, text));
  const end = () => note.remove();
  if (action) note.append(button({ class: "strong", onclick: () => (end(), action.act()) }, action.label));
  note.append(button({ class: "bare", label: t("close"), onclick: end }, icon("close")));
  place().append(note);
  while (shelf.children.length > 3) shelf.firstChild.remove();
  let timer = setTimeout(end, stays);
  note.addEventListener("pointerenter", () => clearTimeout(timer));
  note.addEventListener("focusin", () => clearTimeout(timer));
  note.addEventListener("pointerleave", () => (timer = setTimeout(end, stays)));
  return end;
}

export const failed = (error) => toast(t("failed", { error: error.message }), { kind: "wrong" });

/** Read `text` out to a screen reader, the last of a burst only. */
export function announce(text) {
  toAnnounce = text;
  announcing ??= setTimeout(() => {
    announcing = null;
    fill(document.getElementById("announcer"), toAnnounce);
  }, ANNOUNCED_EVERY);
}
