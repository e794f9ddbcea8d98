import type { ChardevSource } from "../../devices/chardev.ts";
import type { Draft } from "../draft.ts";
import type { DomainDraft } from "../walk.ts";

type SourceDraft = Draft<ChardevSource>;

/** Says of every connection which side opens it, and how the bytes of a TCP connection are wrapped. */
export function completeChardevSources({ devices }: DomainDraft): void {
  const sources: SourceDraft[] = [
    ...devices.serials,
    ...devices.parallels,
    ...devices.consoles,
    ...devices.channels,
    ...devices.redirdevs,
    ...devices.smartcards.flatMap((card) => (card.mode === "passthrough" ? [card.source] : [])),
    ...devices.rngs.flatMap(({ backend }) => (backend.model === "egd" ? [backend.source] : [])),
  ];
  for (const source of sources) completeSource(source);
}

function completeSource(device: SourceDraft): void {
  switch (device.type) {
    case "unix":
      // Without a path there is nothing to say: it is made up at each start.
      if (device.source?.path === undefined) delete device.source;
      else device.source.mode ??= "connect";
      break;
    case "tcp":
      device.source.mode ??= "connect";
      device.protocol ??= "raw";
      break;
    case "udp":
      // Of the two ends the one that is sent to comes behind the one that is bound.
      for (const source of device.sources) source.mode ??= "connect";
      device.sources = device.sources.toSorted((a, b) => (a.mode ?? "").localeCompare(b.mode ?? ""));
      break;
    default:
      break;
  }
}
