// Building elements. Text only ever becomes text nodes: there is no way in for markup of others.

const SVG = "http://www.w3.org/2000/svg";
const HUES = 8; // as in reckoning.py

/** An element with properties (`class`, `on…` listeners, attributes) and children (nodes or strings; empty ones skipped). */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || (value === false && !name.startsWith("aria-"))) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** Replace everything in `element`. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child);
  }
}

/** A glyph of the page's sprite. */
export function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${extra}`);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button; `label` is its accessible name when it shows only a glyph. */
export function button(properties, ...children) {
  const { label, ...others } = properties;
  const named = label ? { "aria-label": label, title: label } : {};
  return h("button", { type: "button", ...named, ...others }, ...children);
}

/** One of eight colours for a person. */
export function hue(key) {
  let sum = 0;
  for (const character of key) sum += character.codePointAt(0);
  return sum % HUES;
}

/** A person's round mark with at most two letters. */
export function avatar(person) {
  const words = person.name.split(/\s+/).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const chosen = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  const letters = chosen.map((word) => [...word][0]).join("").toUpperCase();
  return h("span", { class: `avatar hue-${hue(person.key)}`, "aria-hidden": "true" }, letters || "·");
}

const URLS = /https?:\/\/[^\s<>"'\u00ab\u00bb]+|tg:\/\/resolve\?[^\s<>"']+/g;

/** `text` as nodes with its links pressable; `follow(url)` is called instead of leaving the page. */
export function linked(text, follow) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(URLS)) {
    const url = match[0].replace(/[.,;:!?)]+$/, "");
    nodes.push(text.slice(end, match.index));
    nodes.push(button({ class: "link", dir: "ltr", onclick: () => follow(url) }, url));
    end = match.index + url.length;
  }
  nodes.push(text.slice(end));
  return nodes;
}

const MARKS = /(?<![\p{L}\p{N}])([*_~])(?=\S)([^\n]*?\S)\1(?![\p{L}\p{N}])/gu;
const MARKED = { "*": "strong", _: "em", "~": "s" };

/** What a list or a notification shows of a message: no markup, no addresses of links, one line. */
export function glimpse(app, text) {
  const shown = app === "whatsapp" ? text.replace(MARKS, "$2") : app === "email" ? text.replace(URLS, "") : text;
  return shown.replace(/\s+/g, " ").trim();
}

/** WhatsApp's own light markup (*bold*, _italic_, ~struck~) as nodes. */
export function whatsappMarked(text, follow) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(MARKS)) {
    nodes.push(linked(text.slice(end, match.index), follow));
    nodes.push(h(MARKED[match[1]], {}, linked(match[2], follow)));
    end = match.index + match[0].length;
  }
  nodes.push(linked(text.slice(end), follow));
  return nodes;
}
