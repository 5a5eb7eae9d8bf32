// Acting as a customer: one way for all apps to do a deed, follow a link, and say what came of it.

import * as api from "./api.js";
import { store } from "./store.js";
import { t } from "./texts.js";
import { failed, toast } from "./toast.js";

const DEEP_LINK = /^(?:https?:\/\/t\.me\/|tg:\/\/resolve\?domain=)[A-Za-z0-9_]{3,32}[?&]start=([A-Za-z0-9_-]{1,64})/;
const LANDED = /^(\S+) at (.+)$/s;

/** Do a deed as `key`. Resolves to the sandbox's words, or null when it was refused (which is told). */
export async function act(key, deed) {
  try {
    const { result } = await api.doDeed(key, deed);
    if (result === "nobody took it") toast(t("nobody"), { kind: "wrong" });
    return result;
  } catch (error) {
    failed(error);
    return null;
  }
}

/** Whether `url` leads to this machine, as the sandbox reckons. */
export function isLoopback(url) {
  try {
    const host = new URL(url).hostname;
    return host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
  } catch {
    return false;
  }
}

export const startPayload = (url) => DEEP_LINK.exec(url)?.[1] ?? null;

/**
 * Follow `url` of a message as the customer would. `links` are all http links of the message in order.
 * Resolves to {target, payload} for the phone to show, or null.
 */
export async function follow(key, app, message, url, links) {
  const payload = startPayload(url);
  if (payload !== null) return start(key, payload);
  const nth = links.filter(isLoopback).indexOf(url) + 1;
  if (nth === 0) {
    toast(t("link.outside"));
    return null;
  }
  return landed(await act(key, { do: "click", channel: app, message: message.id, nth }));
}

/** Where a click or a pressed link button led: {status, target, payload}; null when nowhere. */
export function landed(result) {
  const found = LANDED.exec(result ?? "");
  return found && { status: found[1], target: found[2], payload: startPayload(found[2]) };
}

/** Open the bot by its deep link. */
export async function start(key, payload) {
  const person = store.people.get(key);
  if (!person?.telegram) {
    toast(t("app.missing", { name: person?.name ?? key }), { kind: "wrong" });
    return null;
  }
  await act(key, payload === null ? { do: "start_bot" } : { do: "start_bot", text: payload });
  return { started: true };
}
