// The stream of traces that change: open while somebody looks, closed while the tab is hidden.

const AGAIN_AFTER = 3000;
// Of the last hour something passes away also while nothing comes.
const SILENCE = 60000;

/** One stream for the whole page. */
export class Live {
  constructor() {
    this.on = true;
    this.listeners = new Set();
    this.source = null;
    this.timer = 0;
    this.silence = 0;
    this.state = "closed";
    this.onState = () => {};
    document.addEventListener("visibilitychange", () => this.settle(true));
  }

  /** Hands every change to a listener until the signal says stop; while nothing comes, none once a minute. */
  follow(listener, signal) {
    this.listeners.add(listener);
    signal.addEventListener("abort", () => {
      this.listeners.delete(listener);
      // Between two views nobody listens; the next one is there in a moment.
      setTimeout(() => this.settle(false), 0);
    });
    this.settle(false);
  }

  /** On or off, as somebody chose. */
  turn(on) {
    this.on = on;
    this.settle(true);
  }

  settle(caughtUp) {
    const wanted = this.on && this.listeners.size > 0 && document.visibilityState !== "hidden";
    if (wanted && !this.source) {
      this.open();
      // What came while nobody looked is not in the stream.
      if (caughtUp) this.tell([]);
    } else if (!wanted) {
      this.close();
    }
  }

  open() {
    clearTimeout(this.timer);
    this.wait();
    this.source = new EventSource("/query/live");
    this.source.addEventListener("open", () => this.become("live"));
    this.source.addEventListener("traces", (event) => this.tell(JSON.parse(event.data).traces));
    this.source.addEventListener("error", () => this.failed());
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    this.source?.close();
    this.source = null;
    this.become(this.on ? "closed" : "off");
  }

  failed() {
    this.become("waiting");
    // A browser tries again by itself unless it was refused.
    if (this.source?.readyState !== EventSource.CLOSED) return;
    this.source = null;
    this.timer = setTimeout(() => this.settle(true), AGAIN_AFTER);
  }

  wait() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.tell([]), SILENCE);
  }

  tell(traces) {
    this.wait();
    for (const listener of this.listeners) listener(traces);
  }

  become(state) {
    this.state = state;
    this.onState(state);
  }
}

/** A function that runs at once, and then at most every so many milliseconds; the last call is never lost. */
export function seldom(milliseconds, run) {
  let waiting = 0;
  let last = -Infinity;
  return () => {
    if (waiting) return;
    const pause = Math.max(0, last + milliseconds - performance.now());
    waiting = setTimeout(() => {
      waiting = 0;
      last = performance.now();
      run();
    }, pause);
  };
}
