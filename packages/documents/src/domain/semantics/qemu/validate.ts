import { isQemu } from "../../validate/refuse.ts";
import { validateDomain } from "../../validate.ts";
import type { DomainDefinition } from "../../model.ts";
import { checkQemuDevices } from "./validate/devices.ts";
import { checkQemuDisks } from "./validate/disks.ts";
import { checkQemuMachine } from "./validate/machine.ts";

/**
 * Checks a completed definition for what QEMU cannot do whichever binary it is: it need not be started to know.
 * @throws XML_INVALID, CONFIG_UNSUPPORTED with place and remedy
 */
export function validateQemuDomain(definition: DomainDefinition): void {
  // What has been filled in must go together as well.
  validateDomain(definition);
  if (!isQemu(definition)) return;
  checkQemuMachine(definition);
  checkQemuDisks(definition);
  checkQemuDevices(definition);
}
