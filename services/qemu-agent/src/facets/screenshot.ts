import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import type { Call } from "@virtmesh/core/call";
import type { Screenshot } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { Guest } from "../domain/guest.ts";

const TIMEOUT_MS = 10_000;

/** A picture of a screen, by its number among the guest's video devices. @throws DEVICE_NOT_FOUND, DOMAIN_NOT_RUNNING */
export async function takeScreenshot(guest: Guest, screen: number, c: Call): Promise<Screenshot> {
  const { videos } = guest.definition.devices;
  const screens = videos.filter(({ model }) => model?.type !== "none").length;
  const { directory } = guest.running.allotment;
  if (screen >= screens) {
    const what = screens === 0 ? "no screen" : `no screen ${screen}, only ${screens}`;
    throw new VirtError("DEVICE_NOT_FOUND", `guest "${guest.name}" has ${what}`, {
      resource: { type: "domain", name: guest.name },
    });
  }
  const filename = `${directory}/${randomUUID()}.png`;
  try {
    const which = screen === 0 ? {} : { device: `video${screen}`, head: 0 };
    await guest.execute(
      "screendump",
      { filename, format: "png", ...which },
      { signal: c.signal, timeoutMs: TIMEOUT_MS },
    );
    return { mimeType: "image/png", data: contents(filename) };
  } catch (e) {
    await rm(filename, { force: true });
    throw e;
  }
}

/** Opened at once and removed, so that nothing stays when nobody reads it. */
function contents(filename: string): AsyncIterable<Uint8Array> {
  const stream = createReadStream(filename);
  stream.once("open", () => void rm(filename, { force: true }));
  return stream;
}
