import { rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { VirtError } from "@virtmesh/core/errors";
import { eachLine } from "../process.ts";

/** One beat as it arrived. */
export interface Beat {
  readonly sequence: number;
  /** The guest's own clocks, in nanoseconds. */
  readonly guestMonotonicNs: bigint;
  readonly guestRealtimeNs: bigint;
  /** Pages that the memory counter found damaged. */
  readonly wrongPages: number;
  /** How many writes each writer had finished. */
  readonly finishedWrites: readonly number[];
  /** By this process's monotonic clock, in milliseconds. */
  readonly arrivedMs: number;
}

/** What was seen since a measurement began. */
export interface HeartbeatReport {
  readonly beats: number;
  /** The longest the guest was silent: its downtime, seen from outside, plus one period. Counts silence that still lasts. */
  readonly largestGapMs: number;
  /** Sequence of the last beat before that gap. */
  readonly gapAfterSequence: number;
  /** Times the sequence fell or stood: the guest started anew, or an old state of it ran. */
  readonly wentBack: number;
  /** Beats that never arrived: sent while nobody was connected. */
  readonly lost: number;
  /** How often a hypervisor connected. */
  readonly connections: number;
  readonly last: Beat | undefined;
}

/** `sequence monotonic_ns realtime_ns wrong_pages [finished writes of each writer...]`; undefined for a torn line. */
export function parseBeat(line: string, arrivedMs: number): Beat | undefined {
  if (!/^\d+ \d+ \d+ \d+( \d+)*$/.test(line)) return undefined;
  const [sequence = "", monotonic = "", realtime = "", wrong = "", ...writes] = line.split(" ");
  return {
    sequence: Number(sequence),
    guestMonotonicNs: BigInt(monotonic),
    guestRealtimeNs: BigInt(realtime),
    wrongPages: Number(wrong),
    finishedWrites: writes.map(Number),
    arrivedMs,
  };
}

/** Sums beats up; pure but for being fed. */
export class HeartbeatTally {
  #beats = 0;
  #largestGapMs = 0;
  #gapAfterSequence = -1;
  #wentBack = 0;
  #lost = 0;
  #last: Beat | undefined;

  /** `from`: the beat before the first, so that a gap across the start is seen. */
  constructor(from?: Beat) {
    this.#last = from;
  }

  add(beat: Beat): void {
    const last = this.#last;
    this.#beats++;
    this.#last = beat;
    if (!last) return;
    const gap = beat.arrivedMs - last.arrivedMs;
    if (gap > this.#largestGapMs) {
      this.#largestGapMs = gap;
      this.#gapAfterSequence = last.sequence;
    }
    if (beat.sequence <= last.sequence) this.#wentBack++;
    else this.#lost += beat.sequence - last.sequence - 1;
  }

  report(nowMs: number, connections: number): HeartbeatReport {
    const silence = this.#last ? nowMs - this.#last.arrivedMs : 0;
    const silent = silence > this.#largestGapMs;
    return {
      beats: this.#beats,
      largestGapMs: silent ? silence : this.#largestGapMs,
      gapAfterSequence: silent ? (this.#last?.sequence ?? -1) : this.#gapAfterSequence,
      wentBack: this.#wentBack,
      lost: this.#lost,
      connections,
      last: this.#last,
    };
  }
}

/** Takes the beats of one guest from a UNIX socket, whichever hypervisor it runs in at the time. */
export class HeartbeatCollector implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<(beat: Beat) => void>();
  #server: Server | undefined;
  #tally = new HeartbeatTally();
  #last: Beat | undefined;
  #connections = 0;
  /** When the first beat of each connection arrived; the first connection is at 1. */
  readonly #firstBeats: (number | undefined)[] = [];

  /** Listens; the hypervisor connects (`<source mode="connect">`). A new hypervisor joins by itself. */
  static async listen(path: string): Promise<HeartbeatCollector> {
    const collector = new HeartbeatCollector();
    await rm(path, { force: true });
    const server = createServer((socket) => collector.#take(socket));
    collector.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    return collector;
  }

  /** Connects to a hypervisor that listens (`<source mode="bind">`). */
  static async connect(path: string): Promise<HeartbeatCollector> {
    const collector = new HeartbeatCollector();
    await collector.join(path);
    return collector;
  }

  /** Takes beats from one more listening hypervisor, as after a migration. */
  async join(path: string): Promise<void> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    this.#take(socket);
  }

  /** Begins a new measurement now. */
  restart(): void {
    this.#tally = new HeartbeatTally(this.#last);
  }

  /** What was seen since the last `restart`. */
  report(): HeartbeatReport {
    return this.#tally.report(performance.now(), this.#connections);
  }

  get last(): Beat | undefined {
    return this.#last;
  }

  /** When the first beat through the n-th hypervisor that connected (from 1) arrived, by `performance.now()`. */
  firstBeatMs(connection: number): number | undefined {
    return this.#firstBeats[connection];
  }

  /** The next beat for which `accept` holds. */
  async next(accept: (beat: Beat) => boolean = () => true, signal?: AbortSignal): Promise<Beat> {
    const done = new AbortController();
    try {
      return await new Promise<Beat>((resolve, reject) => {
        const take = (beat: Beat): void => {
          if (accept(beat)) resolve(beat);
        };
        const stop = (): void =>
          reject(new VirtError("HYPERVISOR_UNRESPONSIVE", "the guest's heartbeat did not come in time"));
        this.#waiting.add(take);
        done.signal.addEventListener("abort", () => this.#waiting.delete(take));
        signal?.addEventListener("abort", stop, { signal: done.signal });
        if (signal?.aborted === true) stop();
      });
    } finally {
      done.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  #take(socket: Socket): void {
    const connection = ++this.#connections;
    this.#sockets.add(socket);
    // A hypervisor that is killed resets the connection: that is silence, which the report counts.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
    eachLine(socket, (line) => {
      const beat = parseBeat(line, performance.now());
      if (!beat) return;
      this.#firstBeats[connection] ??= beat.arrivedMs;
      this.#last = beat;
      this.#tally.add(beat);
      for (const waiter of this.#waiting) waiter(beat);
    });
  }
}
