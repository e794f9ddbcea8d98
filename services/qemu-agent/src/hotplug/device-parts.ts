import type { FoundDevice } from "@virtmesh/documents/domain/one-device";
import { unsupported } from "../cmdline/arguments.ts";
import { channelParts, consoleParts, parallelParts, serialParts } from "../cmdline/chardevs.ts";
import type { DeviceContext } from "../cmdline/context.ts";
import { controllerParts } from "../cmdline/controllers.ts";
import { diskParts } from "../cmdline/disks.ts";
import { hostdevParts } from "../cmdline/hostdevs.ts";
import { inputParts } from "../cmdline/inputs.ts";
import { interfaceParts } from "../cmdline/interfaces.ts";
import { memoryDeviceParts } from "../cmdline/memory-devices.ts";
import type { DeviceParts } from "../cmdline/parts.ts";
import { redirdevParts } from "../cmdline/redirdevs.ts";
import { rngParts } from "../cmdline/rngs.ts";
import { shmemParts } from "../cmdline/shmems.ts";
import { cryptoParts, hubParts, vsockParts } from "../cmdline/small-devices.ts";
import { smartcardParts } from "../cmdline/smartcards.ts";
import { soundParts } from "../cmdline/sounds.ts";
import { watchdogParts } from "../cmdline/watchdogs.ts";

/** What a device of the guest is made of in QEMU: the same as at its start. @throws CONFIG_UNSUPPORTED */
export function partsOf(c: DeviceContext, found: FoundDevice): DeviceParts {
  const { index } = found;
  switch (found.list) {
    case "disks":
      return diskParts(c, found.device, `devices/disk[${index + 1}]`);
    case "controllers":
      return controllerParts(c, found.device, `devices/controller[${index + 1}]`);
    case "interfaces":
      return interfaceParts(c, found.device, index);
    case "serials":
      return serialParts(c, found.device, index);
    case "parallels":
      return parallelParts(c, found.device, index);
    case "consoles":
      return consoleParts(c, found.device, index);
    case "channels":
      return channelParts(c, found.device, index);
    case "inputs":
      return inputParts(c, found.device, index);
    case "hostdevs":
      return hostdevParts(c, found.device, index);
    case "redirdevs":
      return redirdevParts(c, found.device, index);
    case "rngs":
      return rngParts(c, found.device, index);
    case "memories":
      return memoryDeviceParts(c, found.device, index);
    case "shmems":
      return shmemParts(c, found.device, index);
    case "watchdogs":
      return watchdogParts(c, found.device, index);
    case "sounds":
      return soundParts(c, found.device, index);
    case "smartcards":
      return smartcardParts(c, found.device, index);
    case "vsocks":
      return vsockParts(c, found.device, index);
    case "hubs":
      return hubParts(c, found.device, index);
    case "cryptos":
      return cryptoParts(c, found.device, index);
    default:
      throw unsupported(
        `devices/${found.list}[${index + 1}]`,
        "QEMU takes a device of this kind at its start only; change the definition and start the guest anew",
      );
  }
}
