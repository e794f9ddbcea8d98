import { EventServiceService, WatchRequest } from "@virtmesh/api/gen/virtmesh/v1/event";
import { LiveArea } from "./output/live.ts";
import type { Session } from "./session.ts";

/**
 * Draws a picture, then again after every event, until Ctrl-C. The subscription stands before the first picture
 * is taken, so nothing between the two is missed; events that come while a picture is taken make one more.
 */
export async function redrawOnEvents(
  session: Session,
  picture: () => Promise<readonly string[]>,
): Promise<void> {
  const { stdout } = session.terminal.streams;
  using area = stdout.isTTY === true && !session.globals.json ? new LiveArea(stdout) : undefined;
  const painter = new Painter(async () => {
    const lines = await picture();
    if (area !== undefined) area.draw(lines);
    else for (const line of lines) session.terminal.print(line);
  });
  // The snapshot ends with `synced`: from there on the subscription stands.
  const request = WatchRequest.fromPartial({ uri: session.globals.connect, sendSnapshot: true });
  const signal = AbortSignal.any([session.signal, painter.failed]);
  let synced = false;
  try {
    for await (const { kind } of session.rpc.stream(EventServiceService.watch, request, signal)) {
      if (kind?.$case === "synced") synced = true;
      if (kind?.$case === "synced" || kind?.$case === "gap" || (synced && kind?.$case === "event"))
        painter.refresh();
    }
  } catch (e) {
    throw painter.failed.aborted ? painter.failed.reason : e;
  } finally {
    await painter.idle();
  }
}

/** Paints at most one picture at a time, and one more when something happened meanwhile. */
class Painter {
  readonly #paint: () => Promise<void>;
  readonly #abort = new AbortController();
  #stale = false;
  #painting: Promise<void> | undefined;

  constructor(paint: () => Promise<void>) {
    this.#paint = paint;
  }

  /** Aborted with the error of a picture that could not be taken. */
  get failed(): AbortSignal {
    return this.#abort.signal;
  }

  refresh(): void {
    this.#stale = true;
    this.#painting ??= this.#run().finally(() => {
      this.#painting = undefined;
    });
  }

  async idle(): Promise<void> {
    await this.#painting;
  }

  async #run(): Promise<void> {
    try {
      while (this.#stale && !this.failed.aborted) {
        this.#stale = false;
        await this.#paint();
      }
    } catch (e) {
      this.#abort.abort(e);
    }
  }
}
