/* The chat's window. One <script src="https://…/chat.js"> puts it on a page; everything is in a shadow tree, so that
 * neither the page's style nor ours touches the other. data-locale, data-name, data-customer with data-proof (who is
 * logged in, signed by the shop's server) and data-page (fill the page) say more.
 *
 * What a visitor writes is kept here until the server says that it is stored, and said again after each reconnect under
 * the same key: the server drops repeats. */
(() => {
  "use strict";

  const STYLE = "%STYLE%";
  const WORDS = "%WORDS%";
  const script = document.currentScript;
  const options = script.dataset;
  const base = new URL(script.src).origin;
  const fillsPage = "page" in options;
  const SLOWEST = 30_000;

  const memory = new Map();
  const kept = {
    get(name) {
      try { return localStorage.getItem(`otklik.chat.${name}`); } catch { return memory.get(name) ?? null; }
    },
    set(name, value) {
      memory.set(name, value);
      try { localStorage.setItem(`otklik.chat.${name}`, value); } catch { /* a page that may keep nothing */ }
    },
  };

  const wanted = options.locale || document.documentElement.lang || navigator.language || "en";
  const locale = ["en", "ru", "fa"].find((one) => wanted.toLowerCase().startsWith(one)) ?? "en";
  const words = WORDS[locale];
  const state = {
    open: fillsPage, socket: null, connected: false, wasLost: false, tries: 0, timer: 0,
    lines: new Map(), pending: JSON.parse(kept.get("pending") || "[]"), unread: 0, more: false,
  };

  /* A new name for a line; randomUUID is only there on secure pages. */
  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  // the window

  const host = document.createElement("otklik-chat");
  host.setAttribute("dir", words.dir);
  host.lang = words.locale;
  host.classList.toggle("page", fillsPage);
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element && name !== "role") element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function icon(path) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [name, value] of Object.entries({
      d: path, fill: "none", stroke: "currentColor", "stroke-width": "2", "stroke-linecap": "round", "stroke-linejoin": "round",
    })) drawn.setAttribute(name, value);
    svg.append(drawn);
    return svg;
  }

  const badge = make("span", { className: "badge", hidden: true });
  const launch = make("button", { className: "launch", type: "button", "aria-label": words.open },
    icon("M4 5h16v11H9l-5 4z"), badge);
  const leave = make("button", { type: "button", "aria-label": words.close, textContent: "×", hidden: fillsPage });
  const notice = make("div", { className: "notice", role: "status", hidden: true });
  const older = make("button", { className: "older", type: "button", textContent: words.older, hidden: true });
  const greeting = make("p", { className: "greeting", textContent: words.greeting });
  const log = make("div", { className: "log", role: "log", tabIndex: 0, "aria-label": words.title, "aria-live": "polite" },
    older, greeting);
  const address = make("input", { type: "email", autocomplete: "email", required: true, placeholder: words.email_label,
    "aria-label": words.email_label });
  const emailForm = make("form", { noValidate: true }, address, make("button", { textContent: words.email_save }));
  const emailBad = make("div", { className: "bad", role: "alert", hidden: true });
  const emailSaid = make("div", { textContent: words.email_ask });
  const email = make("div", { className: "email", hidden: true }, emailSaid, emailForm, emailBad);
  const field = make("textarea", { rows: 1, maxLength: 4000, placeholder: words.write, "aria-label": words.write, dir: "auto" });
  const send = make("button", { type: "submit", "aria-label": words.send, disabled: true },
    icon("M4 12h14M12 5l7 7-7 7"));
  const compose = make("form", { className: "compose" }, field, send);
  const panel = make("section", { className: "panel", role: "dialog", "aria-label": words.title },
    make("header", {}, make("h2", { textContent: words.title }), leave), notice, log, email, compose);
  root.append(launch, panel);

  // lines

  const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
  const calendar = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const whole = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });

  function when(at) {
    const date = new Date(at);
    const today = date.toDateString() === new Date().toDateString();
    return make("time", { dateTime: at, title: whole.format(date), textContent: (today ? clock : calendar).format(date) });
  }

  const safe = (url) => /^(https?|mailto|tel):/i.test(url);
  const link = (url, label) =>
    make("a", { href: url, textContent: label, target: "_blank", rel: "noopener noreferrer nofollow" });
  const TAGS = { bold: "strong", italic: "em", underline: "u", strike: "s", code: "code", pre: "code" };

  /* Plain text with its links; no part of it is ever read as HTML. */
  function plain(text) {
    const parts = [];
    let from = 0;
    for (const found of text.matchAll(/https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g)) {
      parts.push(text.slice(from, found.index), link(found[0], found[0]));
      from = found.index + found[0].length;
    }
    parts.push(text.slice(from));
    return parts;
  }

  /* Text with its spans, which nest or stand apart; their places count code points. */
  function formatted(points, spans, start, end) {
    const parts = [];
    let at = start;
    const inside = spans.filter((span) => span.start >= start && span.end <= end && span.start < span.end)
      .sort((one, other) => one.start - other.start || other.end - one.end);
    for (const span of inside) {
      if (span.start < at) continue;
      parts.push(...plain(points.slice(at, span.start).join("")));
      const nested = inside.filter((one) => one !== span && one.start >= span.start && one.end <= span.end);
      const children = formatted(points, nested, span.start, span.end);
      if (span.kind === "link" && safe(span.url)) {
        const anchor = link(span.url, "");
        anchor.append(...children.map((child) => (child instanceof Element ? child.textContent : child)));
        parts.push(anchor);
      } else if (span.kind === "quote") parts.push(make("span", { className: "quote" }, ...children));
      else parts.push(make(TAGS[span.kind] ?? "span", {}, ...children));
      at = span.end;
    }
    parts.push(...plain(points.slice(at, end).join("")));
    return parts;
  }

  /* A file that can be heard or seen here is; fetching a sound waits for its listener, since a link may count clicks. */
  function played(one) {
    if (!one.url.startsWith(`${base}/`)) return null;
    const sound = /\.(ogg|oga|opus|mp3|m4a)$/i.test(one.label);
    const picture = one.url.startsWith(`${base}/media/`) && /\.(png|jpe?g|webp|gif)$/i.test(one.label);
    if (!sound && !picture) return null;
    const element = sound ? make("audio", { controls: true, preload: "none", "aria-label": one.label })
      : make("img", { alt: one.label, loading: "lazy" });
    element.addEventListener("error", () => element.hidden = true); // the page forbids it: its link is there
    element.src = one.url;
    return element;
  }

  function choices(line) {
    const row = make("div", { className: "choices" });
    for (const one of line.buttons) {
      if (one.url) {
        if (safe(one.url)) row.append(...[played(one), link(one.url, one.label)].filter(Boolean));
        continue;
      }
      const button = make("button", { type: "button", textContent: one.label, dir: "auto" });
      button.addEventListener("click", () => {
        for (const each of row.querySelectorAll("button")) each.disabled = true;
        say({ type: "press", key: newKey(), text: one.label, value: one.value });
      });
      row.append(button);
    }
    return row;
  }

  function drawn(line) {
    const points = Array.from(line.text);
    const bubble = make("div", { className: "bubble", dir: "auto" }, ...formatted(points, line.spans ?? [], 0, points.length));
    const meta = make("div", { className: "meta" });
    if (line.id) meta.append(when(line.at));
    else {
      meta.textContent = state.connected ? words.sending : words.not_sent;
      meta.classList.toggle("failed", !state.connected);
    }
    if (line.earlier) {
      meta.append(" · ", make("details", {}, make("summary", { textContent: words.edited }),
        ...line.earlier.map((text) => make("p", { dir: "auto", textContent: text }))));
    }
    const element = make("div", { className: `line ${line.from}` }, bubble);
    if (line.buttons?.length) element.append(choices(line));
    element.append(meta);
    return element;
  }

  /* What was edited stands in the place of the first words, which are kept under "edited". */
  function edited(lines) {
    const shown = new Map();
    for (const line of lines) {
      const first = shown.get(line.replaces);
      if (first?.from === "shop" && line.from === "shop") {
        const earlier = [...(first.earlier ?? []), first.text];
        shown.set(first.id, { ...line, id: first.id, key: first.key, at: first.at, edit: line.id, earlier });
      } else shown.set(line.id, line);
    }
    return [...shown.values()];
  }

  function redraw() {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    const known = edited([...state.lines.values()].sort((one, other) => (one.id < other.id ? -1 : 1)));
    const stored = new Set(known.map((line) => line.key));
    const waiting = state.pending.filter((one) => one.type !== "email" && !stored.has(one.key))
      .map((one) => ({ from: "visitor", text: one.text, key: one.key }));
    const shown = [...known, ...waiting];
    older.hidden = !state.more;
    greeting.hidden = shown.length > 0;
    const before = new Map([...log.children].filter((child) => child.dataset.key).map((child) => [child.dataset.key, child]));
    let last = greeting;
    for (const line of shown) {
      const mark = `${line.from}:${line.key}:${line.id ?? state.connected}:${line.edit ?? ""}`;
      let element = before.get(mark);
      before.delete(mark);
      if (!element) {
        element = drawn(line);
        element.dataset.key = mark;
      }
      if (last.nextElementSibling !== element) last.after(element);
      last = element;
    }
    for (const gone of before.values()) gone.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
    email.hidden = !state.asksEmail || shown.length === 0;
    badge.hidden = state.unread === 0;
    badge.textContent = new Intl.NumberFormat(locale).format(state.unread);
    launch.setAttribute("aria-label", state.unread ? `${words.open}: ${words.new}` : words.open);
  }

  function show(open) {
    state.open = open || fillsPage;
    panel.hidden = !state.open;
    launch.hidden = state.open;
    if (state.open) {
      log.scrollTop = log.scrollHeight;
      tellReached();
    }
  }

  // the connection

  function transmit(frame) {
    if (state.connected) state.socket.send(JSON.stringify(frame));
  }

  function keepPending() {
    kept.set("pending", JSON.stringify(state.pending.slice(-100)));
  }

  function say(frame) {
    state.pending.push(frame);
    keepPending();
    transmit(frame);
    redraw();
    log.scrollTop = log.scrollHeight;
  }

  function done(key) {
    state.pending = state.pending.filter((one) => one.key !== key);
    keepPending();
  }

  function tellReached() {
    const ours = [...state.lines.values()].filter((line) => line.from === "shop");
    const latest = ours.reduce((last, line) => (line.id > last ? line.id : last), "");
    if (!latest) return;
    const looking = state.open && document.visibilityState === "visible";
    if (looking) state.unread = 0;
    const reached = `${looking ? "seen" : "got"}:${latest}`;
    if (reached !== state.told && !(state.told === `seen:${latest}`)) {
      transmit({ type: looking ? "seen" : "got", up_to: latest });
      state.told = reached;
    }
    redraw();
  }

  function saved(at) {
    emailSaid.textContent = words.email_saved.replace("{email}", at);
    emailForm.hidden = true;
    emailBad.hidden = true;
  }

  const TAKE = {
    welcome(frame) {
      kept.set("token", frame.token);
      state.asksEmail = frame.ask_email;
      for (const line of frame.lines) state.lines.set(line.id, line);
      state.more = state.more || frame.more;
      if (!state.open) state.unread = frame.lines.filter((line) => line.from === "shop" && !line.seen).length;
      for (const one of state.pending) transmit(one);
      tellReached();
    },
    line({ line }) {
      state.lines.set(line.id, line);
      if (line.from === "shop" && !(state.open && document.visibilityState === "visible")) state.unread += 1;
      tellReached();
    },
    stored(frame) {
      const frameSaid = state.pending.find((one) => one.key === frame.key);
      done(frame.key);
      if (frame.line) state.lines.set(frame.line.id, frame.line);
      if (frameSaid?.type === "email") {
        kept.set("email", frameSaid.email);
        saved(frameSaid.email);
      }
    },
    refused(frame) {
      if (frame.why === "bad_email") {
        done(frame.key);
        emailForm.hidden = false;
        emailBad.hidden = false;
        emailBad.textContent = words.email_bad;
      } else if (frame.why === "unreadable") done(frame.key);
      else {
        if (frame.why === "too_fast") told(words.too_fast);
        if (frame.why === "crowded") told(words.crowded, 12);
        setTimeout(() => state.pending.filter((one) => one.key === frame.key).forEach(transmit),
          { too_fast: 20_000, crowded: 600_000 }[frame.why] ?? 5_000);
      }
    },
    older(frame) {
      const from = log.scrollHeight;
      for (const line of frame.lines) state.lines.set(line.id, line);
      state.more = frame.more;
      redraw();
      log.scrollTop += log.scrollHeight - from;
    },
  };

  function told(what, seconds = 4) {
    notice.textContent = what;
    notice.hidden = false;
    clearTimeout(state.noticeTimer);
    if (seconds) state.noticeTimer = setTimeout(() => { notice.hidden = true; }, seconds * 1000);
  }

  function connect() {
    clearTimeout(state.timer);
    if (state.socket && state.socket.readyState < WebSocket.CLOSING) return;
    const socket = new WebSocket(`${base.replace(/^http/, "ws")}/chat/ws`);
    state.socket = socket;
    socket.addEventListener("open", () => {
      state.connected = true;
      state.tries = 0;
      transmit({
        type: "hello", token: kept.get("token") ?? "", locale: options.locale || wanted, name: options.name ?? "",
        customer: options.customer ?? "", proof: options.proof ?? "",
        zone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "",
      });
      if (state.wasLost) told(words.online, 3);
      state.wasLost = false;
      redraw();
    });
    socket.addEventListener("message", (event) => {
      const frame = JSON.parse(event.data);
      TAKE[frame.type]?.(frame);
      redraw();
    });
    socket.addEventListener("close", (event) => {
      if (state.socket !== socket) return;
      state.connected = false;
      state.told = "";
      if (event.code === 4403) return;
      state.wasLost = true;
      told(words.offline, 0);
      redraw();
      const pause = Math.min(SLOWEST, 500 * 2 ** state.tries) * (0.7 + Math.random() * 0.6);
      state.tries += 1;
      state.timer = setTimeout(connect, pause);
    });
  }

  // what a visitor does

  launch.addEventListener("click", () => { show(true); field.focus(); });
  leave.addEventListener("click", () => { show(false); launch.focus(); });
  older.addEventListener("click", () => {
    const first = [...state.lines.keys()].sort()[0];
    if (first) transmit({ type: "older", before: first });
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !fillsPage) { show(false); launch.focus(); }
  });
  field.addEventListener("input", () => {
    send.disabled = !field.value.trim();
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight + 2, 140)}px`;
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      compose.requestSubmit();
    }
  });
  compose.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    field.style.height = "auto";
    send.disabled = true;
    say({ type: "say", key: newKey(), text });
    field.focus();
  });
  emailForm.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!address.value.trim() || !address.checkValidity()) {
      emailBad.textContent = words.email_bad;
      emailBad.hidden = false;
      return;
    }
    say({ type: "email", key: newKey(), email: address.value.trim() });
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      state.tries = 0;
      connect();
      tellReached();
    }
  });
  window.addEventListener("online", connect);

  const known = kept.get("email");
  if (known) saved(known);
  show(fillsPage);
  redraw();
  const mount = () => { document.body.append(host); connect(); };
  if (document.body) mount();
  else document.addEventListener("DOMContentLoaded", mount);
})();
