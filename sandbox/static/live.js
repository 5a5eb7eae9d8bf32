// One WebSocket with what happens. After a gap (lost line, sleep, a page that was too slow) `onresync` reads all again.

const FIRST_PAUSE = 400; // milliseconds
const LONGEST_PAUSE = 8_000;
const SHOWN_AFTER = 1_500; // a gap shorter than this is nobody's business
const SLEPT = 45_000; // a timer that is this late tells of a sleep

export class Live {
  /** `onframe(frame)`, `onresync()` after each gap, `ononline(bool)` when the visitor should know. */
  constructor({ onframe, onresync, ononline }) {
    this.handlers = { onframe, onresync, ononline };
    this.pause = FIRST_PAUSE;
    this.told = true; // what the visitor was told last
    this.socket = null;
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.now());
    let looked = Date.now();
    setInterval(() => {
      if (Date.now() - looked > SLEPT) this.socket?.close();
      looked = Date.now();
    }, 5_000);
  }

  connect() {
    clearTimeout(this.again);
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
    this.socket = socket;
    socket.onopen = () => {
      this.pause = FIRST_PAUSE;
      clearTimeout(this.worry);
      this.worry = null;
      this.handlers.onresync(!this.told); // the first time too: things happened since the page was made
      this.tell(true);
    };
    socket.onmessage = (event) => this.handlers.onframe(JSON.parse(event.data));
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.worry ??= setTimeout(() => this.tell(false), SHOWN_AFTER);
      this.again = setTimeout(() => this.connect(), this.pause);
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    };
  }

  /** Try at once, if there is no connection. */
  now() {
    if (this.socket === null) this.connect();
  }

  tell(online) {
    if (this.told === online) return;
    this.told = online;
    this.handlers.ononline(online);
  }
}
