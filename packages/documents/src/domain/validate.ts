import { checkDomainName } from "@virtmesh/core/ids";
import type { DomainDefinition } from "./model.ts";
import { checkAddresses } from "./validate/addresses.ts";
import { checkChardevs } from "./validate/chardevs.ts";
import { checkControllers } from "./validate/controllers.ts";
import { checkCpu } from "./validate/cpu.ts";
import { checkDevices } from "./validate/devices.ts";
import { checkDisks } from "./validate/disks.ts";
import { checkGraphics } from "./validate/graphics.ts";
import { checkHostdevs } from "./validate/hostdevs.ts";
import { checkInterfaces } from "./validate/interfaces.ts";
import { checkMemory } from "./validate/memory.ts";
import { checkNuma } from "./validate/numa.ts";
import { checkOs } from "./validate/os.ts";

/**
 * Checks what single elements cannot know: what libvirt refuses before any host or hypervisor has a say.
 * @throws XML_INVALID naming place, value and remedy; INVALID_NAME
 */
export function validateDomain(definition: DomainDefinition): void {
  checkDomainName(definition.name);
  checkMemory(definition);
  checkNuma(definition);
  checkCpu(definition);
  checkOs(definition);
  checkDisks(definition);
  checkChardevs(definition);
  checkInterfaces(definition);
  checkGraphics(definition);
  checkHostdevs(definition);
  checkControllers(definition);
  checkAddresses(definition);
  checkDevices(definition);
}
