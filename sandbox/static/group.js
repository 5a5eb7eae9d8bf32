// The staff's group with its topics, as one of its members has it on the phone: a list of topics, a topic, a line to write on.

import * as api from "./api.js";
import { Composer } from "./composer.js";
import { button, fill, h, icon } from "./dom.js";
import { store } from "./store.js";
import { clockTime, t, when } from "./texts.js";
import { failed } from "./toast.js";

const NEAR_END = 60; // pixels from the end that still count as reading the latest
const COMMANDS = ["/take", "/note ", "/customer", "/return", "/resolve"];
const OF_SERVICE = /^forum_topic_/;

/** Which of the group's people holds the phone: the first who is in it. */
const holder = (group) => Object.keys(group.members).find((key) => ["administrator", "member"].includes(group.members[key])) ?? null;

/** A seat on the table; the table treats it as a customer's phone. */
export class GroupPhone {
  constructor(key, { onclose }) {
    this.key = key;
    this.auto = false;
    this.idle = false;
    this.topic = null;
    this.seen = new Map(); // topic → id of the last message that was read
    this.body = h("div", { class: "body" });
    this.time = h("span", { class: "now" });
    this.where = h("span", { class: "where" }, t("group.of", { name: this.name }));
    this.el = h(
      "article",
      { class: "seat group", "data-key": key, "aria-label": this.group.title, tabindex: "-1", onkeydown: (event) => event.key === "Escape" && this.topic !== null && (event.stopPropagation(), this.list()) },
      h(
        "header",
        { class: "caption" },
        h("span", { class: "avatar hue-0", "aria-hidden": "true" }, icon("people")),
        h("span", { class: "who" }, h("h2", { class: "name", tabindex: "-1" }, h("bdi", {}, this.group.title)), this.where),
        button({ class: "bare", label: t("people.away", { name: this.group.title }), onclick: onclose }, icon("close")),
      ),
      h("div", { class: "device" }, h("div", { class: "screen" }, h("div", { class: "bar" }, this.time, h("span", { class: "marks" }, icon("signal"), icon("battery"))), this.body)),
    );
    for (const topic of this.topics) this.seen.set(topic.id, topic.posts.at(-1)?.id ?? 0);
    this.list();
    this.tick();
  }

  get group() {
    return store.groups.get(this.key);
  }

  get person() {
    return { key: this.key, name: this.group.title, lang: "" };
  }

  get name() {
    return this.group.names[holder(this.group)] ?? "";
  }

  /** Topics with something in them, those first where something was said last. */
  get topics() {
    const told = this.group.topics.filter((topic) => topic.id !== 0 || topic.posts.length > 0);
    const last = (topic) => topic.posts.at(-1)?.id ?? 0;
    return told.sort((one, other) => one.closed - other.closed || last(other) - last(one));
  }

  list() {
    this.topic = null;
    this.listed = "";
    this.rows = h("ul", { class: "inbox topics" });
    fill(
      this.body,
      h(
        "section",
        { class: "app-view mail" },
        h("div", { class: "mail-list" }, h("header", { class: "app-head" }, h("span", { class: "mark tint-telegram", "aria-hidden": "true" }, icon("telegram")), h("span", { class: "who" }, h("b", {}, h("bdi", {}, this.group.title)), h("span", { class: "sub" }, t("group.topics")))), this.rows),
      ),
    );
    this.sync();
  }

  open(id) {
    this.topic = id;
    this.drawn = "";
    this.thread = h("div", { class: "thread", role: "log", tabindex: "0", "aria-label": this.group.title });
    this.title = h("b", {});
    this.sub = h("span", { class: "sub" });
    const composer = new Composer({ hint: t("group.hint"), quick: COMMANDS, send: (text) => this.write(text) });
    fill(
      this.body,
      h(
        "section",
        { class: "app-view chat in-telegram" },
        h("header", { class: "app-head" }, button({ class: "bare", label: t("phone.back"), onclick: () => this.list() }, icon("back", "turns")), h("span", { class: "mark tint-telegram", "aria-hidden": "true" }, icon("telegram")), h("span", { class: "who" }, this.title, this.sub)),
        this.thread,
        h("div", { class: "more" }),
        h("div", { class: "foot" }, composer.el),
      ),
    );
    this.sync();
  }

  sync() {
    const topic = this.topic === null ? null : this.group.topics.find((one) => one.id === this.topic);
    if (this.topic !== null && !topic) return this.list(); // somebody deleted it
    if (topic) this.showTopic(topic);
    else this.showTopics();
  }

  showTopics() {
    const row = (topic) => {
      const last = topic.posts.findLast((post) => !OF_SERVICE.test(post.kind));
      const fresh = (topic.posts.at(-1)?.id ?? 0) > (this.seen.get(topic.id) ?? 0);
      const at = last && new Date(last.at);
      return h(
        "li",
        {},
        button(
          { class: `letter-row ${fresh ? "fresh" : ""} ${topic.closed ? "closed" : ""}`, "data-topic": topic.id, onclick: () => this.open(topic.id) },
          h("span", { class: "first" }, h("span", { class: "from" }, h("bdi", {}, topic.name)), topic.closed ? h("span", { class: "sub" }, t("group.closed")) : at && when(at, "UTC", clockTime(at, "UTC"))),
          h("span", { class: "preview", dir: "auto" }, last ? shown(last).replace(/\s+/g, " ") : ""),
        ),
      );
    };
    const topics = this.topics;
    const listed = JSON.stringify(topics.map(({ id, name, closed, posts }) => [id, name, closed, this.seen.get(id), posts.map((post) => [post.id, post.text])]));
    if (listed === this.listed) return; // who is about to press a row keeps it
    this.listed = listed;
    fill(this.rows, topics.length ? topics.map(row) : h("li", { class: "quiet" }, h("b", {}, t("group.empty")), h("span", {}, t("group.empty.more"))));
  }

  showTopic(topic) {
    const drawn = JSON.stringify([topic.posts.map((post) => [post.id, post.text, post.edited]), topic.closed, topic.name]);
    this.seen.set(topic.id, topic.posts.at(-1)?.id ?? 0);
    if (drawn === this.drawn) return;
    const atEnd = this.drawn === "" || this.thread.scrollHeight - this.thread.scrollTop - this.thread.clientHeight < NEAR_END;
    this.drawn = drawn;
    fill(this.title, h("bdi", {}, topic.name));
    this.sub.textContent = topic.closed ? t("group.closed") : t("group.as", { name: this.name });
    fill(this.thread, topic.posts.map((post) => this.bubble(post)));
    if (atEnd) this.thread.scrollTop = this.thread.scrollHeight;
  }

  bubble(post) {
    if (OF_SERVICE.test(post.kind)) return h("div", { class: "day" }, h("span", {}, t(`group.${post.kind.slice(12)}`, { name: post.detail.name ?? "" })));
    const at = new Date(post.at);
    const mine = post.by !== "company";
    return h(
      "div",
      { class: `bubble-row ${mine ? "mine" : "company"}`, "data-id": post.id },
      h("div", { class: "bubble" }, h("div", { class: "words", dir: "auto" }, marked(post)), h("div", { class: "meta" }, post.edited && h("span", {}, t("chat.edited")), when(at, "UTC", clockTime(at, "UTC")))),
    );
  }

  async write(text) {
    try {
      await api.doInGroup(this.group.id, { do: "write", person: holder(this.group), topic: this.topic, text });
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  }

  tick() {
    this.time.textContent = clockTime(new Date(store.now()), "UTC");
  }

  arrived() {}

  showDock() {}
}

/** A post as words: what is no text is named. */
function shown(post) {
  if (post.kind === "text") return post.text;
  return [`[${post.file ?? post.kind}]`, post.text].join(" ").trim();
}

/** A post's words with what is bold and slanted in them; offsets count UTF-16 units, as the script's own do. */
function marked(post) {
  const words = shown(post);
  if (post.kind !== "text") return words;
  const spans = post.entities.filter(({ type }) => type === "bold" || type === "italic").sort((one, other) => one.offset - other.offset);
  const nodes = [];
  let end = 0;
  for (const { type, offset, length } of spans) {
    if (offset < end) continue;
    nodes.push(words.slice(end, offset), h(type === "bold" ? "strong" : "em", {}, words.slice(offset, offset + length)));
    end = offset + length;
  }
  nodes.push(words.slice(end));
  return nodes;
}
