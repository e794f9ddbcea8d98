import type { Sound } from "@virtmesh/documents/domain/devices/sound";
import type { Json } from "./arguments.ts";
import { audioOf } from "./audios.ts";
import { usbPlace } from "./buses.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf, pciPlace, virtioDevice } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts } from "./parts.ts";
import { unsupported } from "./arguments.ts";

export function soundArguments(c: BuildContext): void {
  for (const [i, sound] of c.definition.devices.sounds.entries()) addParts(c.args, soundParts(c, sound, i));
}

/** A sound card, and what converts between bits and sound on those that have it apart. */
export function soundParts(c: DeviceContext, sound: Sound, index: number): DeviceParts {
  const path = `devices/sound[${index + 1}]`;
  const id = idOf(sound, `sound${index}`);
  const audiodev = audioOf(c, sound.audio);
  const driver = (name: string) => deviceDriver(c, name, `${path}/@model`);
  switch (sound.model) {
    case "es1370":
      return { devices: [{ driver: driver("ES1370"), id, audiodev, ...pciPlace(c, sound, path) }] };
    case "ac97":
      return { devices: [{ driver: driver("AC97"), id, audiodev, ...pciPlace(c, sound, path) }] };
    case "sb16":
      return { devices: [{ driver: driver("sb16"), id, audiodev }] };
    case "usb":
      return {
        devices: [
          {
            driver: driver("usb-audio"),
            id,
            audiodev,
            multi: sound.multichannel,
            ...usbPlace(c, sound, path),
          },
        ],
      };
    case "virtio":
      return {
        devices: [
          {
            ...virtioDevice(c, "virtio-sound", { ...sound, model: "virtio" }, path),
            id,
            audiodev,
            streams: sound.streams,
          },
        ],
      };
    case "ich6":
    case "ich9": {
      const controller = {
        driver: driver(sound.model === "ich6" ? "intel-hda" : "ich9-intel-hda"),
        id,
        ...pciPlace(c, sound, path),
      };
      return { devices: [controller, ...codecs(c, sound, id, audiodev, path)] };
    }
    case "pcspk":
      // The board has it; -machine says what it plays through.
      return {};
    case "ich7":
      throw unsupported(`${path}/@model`, `a sound card of model ${sound.model} is not supported`);
  }
}

function codecs(
  c: DeviceContext,
  sound: Sound,
  id: string,
  audiodev: string | undefined,
  path: string,
): readonly Json[] {
  // One that plays and records, when the document names none.
  const kinds = sound.codecs.length > 0 ? sound.codecs : (["duplex"] as const);
  return kinds.map((kind, cad) => ({
    driver: deviceDriver(c, `hda-${kind}`, `${path}/codec[${cad + 1}]`),
    id: `${id}-codec${cad}`,
    bus: `${id}.0`,
    cad,
    audiodev,
  }));
}
