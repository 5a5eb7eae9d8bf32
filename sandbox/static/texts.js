// The page's words, numbers and times in its language.

const ISOLATE = "\u2068";
const END_ISOLATE = "\u2069";
const LOCALES = { en: "en-GB", ru: "ru-RU", fa: "fa-IR" };
// Where a country has several zones and a person names none: its capital's.
const CAPITALS = { US: "America/New_York", RU: "Europe/Moscow", CA: "America/Toronto", AU: "Australia/Sydney", BR: "America/Sao_Paulo", MX: "America/Mexico_City", KZ: "Asia/Almaty", UA: "Europe/Kyiv", ES: "Europe/Madrid", PT: "Europe/Lisbon", DE: "Europe/Berlin", CN: "Asia/Shanghai" };

let texts = {};
let locale = "en-GB";
export let lang = "en";
let plurals, numbers;
const formats = new Map();

export function speak(language, catalogue) {
  lang = language;
  texts = catalogue;
  locale = LOCALES[language];
  plurals = new Intl.PluralRules(locale);
  numbers = new Intl.NumberFormat(locale);
  formats.clear();
}

/** The text of `key` with {names} replaced. Strings are isolated, so that a name cannot turn a line round. */
export function t(key, values = {}) {
  let text = texts[key] ?? key;
  if (typeof text === "object") text = text[plurals.select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? num(value) : `${ISOLATE}${value}${END_ISOLATE}`;
  });
}

export const has = (key) => key in texts;
export const num = (value) => numbers.format(value);
export const country = (code) => {
  try {
    return new Intl.DisplayNames(locale, { type: "region" }).of(code.toUpperCase());
  } catch {
    return code;
  }
};

function format(options) {
  const key = JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale, options);
    formats.set(key, found);
  }
  return found;
}

/** A person's zone: their own, else their country's (the capital's where there are several), else UTC. */
export function zoneOf(person) {
  const code = person.country?.toUpperCase();
  for (const zone of [person.zone, CAPITALS[code]]) {
    if (zone && valid(zone)) return zone;
  }
  try {
    const zones = new Intl.Locale(`und-${code}`).getTimeZones?.();
    if (zones?.length) return zones[0];
  } catch {
    // not a country
  }
  return "UTC";
}

function valid(zone) {
  try {
    format({ timeZone: zone, hour: "2-digit" });
    return true;
  } catch {
    return false;
  }
}

export const clockTime = (at, zone) => format({ timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
export const longDate = (at, zone) => format({ timeZone: zone, weekday: "long", day: "numeric", month: "long" }).format(at);
/** "Sun, 6 Dec 2026". Persian is put together here: the locale's own pattern for these parts reads oddly. */
export function shortDate(at, zone) {
  const shape = format({ timeZone: zone, weekday: "short", day: "numeric", month: "short", year: "numeric" });
  if (lang !== "fa") return shape.format(at);
  const parts = Object.fromEntries(shape.formatToParts(at).map(({ type, value }) => [type, value]));
  return `${parts.weekday} ${parts.day} ${parts.month} ${parts.year}`;
}
export const exact = (at, zone) =>
  format({ timeZone: zone, dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" }).format(at) + ` (${zone})`;
const DAY = { year: "numeric", month: "numeric", day: "numeric", calendar: "gregory", numberingSystem: "latn" };
/** A key that is the same for two instants on the same day in `zone`. */
export const dayKey = (at, zone) => format({ ...DAY, timeZone: zone }).format(at);
export const hourIn = (at, zone) => Number(format({ timeZone: zone, hour: "numeric", hourCycle: "h23", numberingSystem: "latn" }).formatToParts(at).find((part) => part.type === "hour").value);

const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [86400 * 30, "day", 86400], [86400 * 365, "month", 86400 * 30], [Infinity, "year", 86400 * 365]];

/** "5 min. ago": how long before `now` something was. */
export function ago(at, now) {
  const seconds = Math.max(0, (now - at) / 1000);
  const [, unit, length] = STEPS.find(([limit]) => seconds < limit);
  return new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: lang === "ru" ? "short" : "narrow" }).format(-Math.floor(seconds / length), unit);
}

/** A <time> with the exact instant, in the person's zone and in UTC, on hover. */
export function when(at, zone, shown) {
  const element = document.createElement("time");
  element.dateTime = at.toISOString();
  element.title = zone === "UTC" ? exact(at, "UTC") : `${exact(at, zone)}\n${exact(at, "UTC")}`;
  element.textContent = shown;
  return element;
}
