// What the page knows: people, the phones on the table, the clock, the counts. Views listen to its events.

import * as api from "./api.js";

export const APPS = ["email", "telegram", "whatsapp", "sms"];
const STATE_PAUSE = 700; // milliseconds between looks at the counts while things happen
const STATE_IDLE = 5_000;

export const groupKey = (id) => `group:${id}`;

class Store extends EventTarget {
  begin(boot) {
    this.people = new Map(); // key → what was last read of a person, without threads
    this.phones = new Map(); // key → {person, threads: {app: Map(id → message)}, seen: {app: id}}
    this.groups = new Map(boot.groups.map((group) => [groupKey(group.id), group])); // with their topics and posts
    this.readings = new Set(); // what is being read anew: {key of a phone or a group, frames that came meanwhile}
    this.quick = boot.quick;
    this.total = boot.total;
    this.notices = boot.notices;
    this.takeState(boot.state);
    for (const person of [...boot.people, ...boot.phones]) this.learn(person);
    for (const person of boot.phones) this.takePhone(person);
    setInterval(() => document.visibilityState === "visible" && this.look(), STATE_IDLE);
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  on(name, listener) {
    this.addEventListener(name, (event) => listener(event.detail));
  }

  // The clock and the counts

  takeState(state) {
    this.state = state;
    this.setClock(state.now, state.flowing);
    this.tell("state", state);
  }

  setClock(now, flowing) {
    this.clock = { at: new Date(now).getTime(), read: performance.now(), flowing };
    this.tell("clock", this.clock);
  }

  /** Milliseconds since the epoch on the campaign's clock. */
  now() {
    const { at, read, flowing } = this.clock;
    return flowing ? at + performance.now() - read : at;
  }

  /** Look at the counts soon; many calls make one request. */
  look() {
    this.looking ??= setTimeout(async () => {
      try {
        this.takeState(await api.getState());
      } catch {
        // the line is down, and the socket tells so
      } finally {
        this.looking = null;
      }
    }, STATE_PAUSE);
  }

  // People and phones

  learn(person) {
    const { threads, ...facts } = person;
    if (threads) facts.last = Object.fromEntries(Object.entries(threads).filter(([, kept]) => kept.length).map(([app, kept]) => [app, kept.at(-1)]));
    this.people.set(person.key, { ...this.people.get(person.key), ...facts });
    return this.people.get(person.key);
  }

  takePhone(person) {
    const facts = this.learn(person);
    const old = this.phones.get(person.key);
    const threads = {};
    for (const [app, kept] of Object.entries(person.threads ?? {})) threads[app] = new Map(kept.map((message) => [message.id, message]));
    this.phones.set(person.key, { person: facts, threads, seen: old?.seen ?? {} });
    this.tell("phone", person.key);
  }

  async readPhone(key) {
    await this.reading(key, async () => this.takePhone(await api.getPerson(key)));
  }

  /** Read what is shown anew. What came meanwhile may be younger than the answer: it is put back into its place. */
  async reading(key, read) {
    const reading = { key, frames: [] };
    this.readings.add(reading);
    try {
      await read();
    } finally {
      this.readings.delete(reading);
    }
    for (const frame of reading.frames) frame.message ? this.placeMessage(frame) : this.takePost(frame);
  }

  dropPhone(key) {
    this.phones.delete(key);
  }

  /** Messages of an app, oldest first. */
  thread(key, app) {
    return [...(this.phones.get(key)?.threads[app]?.values() ?? [])];
  }

  unread(key, app) {
    const seen = this.phones.get(key)?.seen[app] ?? 0;
    return this.thread(key, app).filter((message) => message.by !== "customer" && message.id > seen).length;
  }

  markSeen(key, app) {
    const phone = this.phones.get(key);
    const last = this.thread(key, app).at(-1)?.id ?? 0;
    if (phone && last > (phone.seen[app] ?? 0)) {
      phone.seen[app] = last;
      this.tell("seen", key);
    }
  }

  // Frames

  take(frame) {
    const key = frame.group === undefined ? frame.person : groupKey(frame.group);
    for (const reading of this.readings) if (reading.key === key) reading.frames.push(frame);
    switch (frame.type) {
      case "hello":
        this.takeState(frame);
        break;
      case "clock":
        this.setClock(frame.now, frame.flowing);
        this.tell("moved", frame.now);
        this.look();
        break;
      case "message":
      case "status":
        this.takeMessage(frame);
        break;
      case "person":
        this.takePerson(frame.person);
        break;
      case "notice":
        this.notices.push(frame.notice);
        this.tell("notice", frame.notice);
        this.look();
        break;
      case "wish":
        this.tell("wish", frame.wish);
        break;
      case "group":
        this.rereadGroup(frame.group.id);
        break;
      case "post":
      case "post_deleted":
      case "topics":
        this.takePost(frame);
        break;
    }
  }

  takeMessage({ type, person: key, name, app, message }) {
    const phone = this.phones.get(key);
    const known = this.people.get(key);
    const before = phone?.threads[app]?.get(message.id) ?? (known?.last?.[app]?.id === message.id ? known.last[app] : null);
    if (app === "telegram" && known?.telegram && !known.telegram.started) known.telegram = { ...known.telegram, started: true }; // else nobody could have written
    if (known && (known.last?.[app]?.id ?? 0) <= message.id) known.last = { ...known.last, [app]: message };
    this.placeMessage({ person: key, app, message });
    this.tell(type, { key, name: known?.name ?? name, app, message, before });
    this.look();
  }

  placeMessage({ person: key, app, message }) {
    const phone = this.phones.get(key);
    if (!phone) return;
    (phone.threads[app] ??= new Map()).set(message.id, message);
    this.tell("phone", key);
  }

  // Groups

  takePost({ type, group: id, post, topic: thread, id: gone, topics }) {
    const group = this.groups.get(groupKey(id));
    if (!group) return;
    const place = (number) => group.topics.find((topic) => topic.id === number);
    if (type === "topics") {
      const first = group.topics.filter((topic) => topic.id === 0);
      group.topics = [...first, ...topics.map((topic) => ({ posts: [], ...place(topic.id), ...topic }))];
    } else if (type === "post_deleted") {
      const found = place(thread);
      if (found) found.posts = found.posts.filter((one) => one.id !== gone);
    } else {
      if (!place(post.topic)) group.topics.push({ id: post.topic, name: post.detail.name ?? "", closed: false, posts: [] });
      const { posts } = place(post.topic);
      const at = posts.findIndex((one) => one.id === post.id);
      if (at < 0) posts.push(post);
      else posts[at] = post;
    }
    this.tell("phone", groupKey(id));
  }

  async rereadGroup(id) {
    const key = groupKey(id);
    await this.reading(key, async () => {
      const group = await api.getGroup(id).catch(() => null);
      if (!group) return;
      this.groups.set(key, group);
      this.tell("group", key);
      this.tell("phone", key);
    });
  }

  takePerson(person) {
    const before = this.people.get(person.key);
    const facts = this.learn(person);
    const phone = this.phones.get(person.key);
    if (phone) {
      phone.person = facts;
      this.tell("phone", person.key);
      this.reread(person.key); // a bubble may have been deleted
    }
    this.tell("person", { person: facts, before });
    this.look();
  }

  reread(key) {
    this.rereading ??= new Set();
    if (this.rereading.has(key)) return;
    this.rereading.add(key);
    setTimeout(async () => {
      this.rereading.delete(key);
      if (this.phones.has(key)) await this.readPhone(key).catch(() => {});
    }, STATE_PAUSE);
  }

  /** Read everything that is shown again. */
  async resync() {
    this.takeState(await api.getState());
    await Promise.all([...this.phones.keys()].map((key) => this.readPhone(key).catch(() => {})));
    await Promise.all([...this.groups.values()].map(({ id }) => this.rereadGroup(id)));
    this.tell("resync");
  }
}

export const store = new Store();
