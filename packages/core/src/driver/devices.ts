import type { Call } from "../call.ts";
import type { DomainUuid } from "../ids.ts";
import type { ChangeScope } from "./change-scope.ts";
import type { DomainInfo } from "./domains.ts";

/** Which device is meant. */
export type DeviceReference =
  /** The device as it stands under `<devices>`, or as much of it as tells which one is meant. */
  | { readonly kind: "xml"; readonly xml: string }
  | { readonly kind: "alias"; readonly alias: string }
  /** Name of a disk in the guest, or MAC address of a network card. */
  | { readonly kind: "target"; readonly target: string };

/**
 * What is plugged into a guest. A method resolves when the hypervisor has said that it happened, never when the guest
 * was only asked; when it throws, nothing was changed, neither live nor in the definition. When `c` is aborted while a
 * guest has been asked to let go of a device and has not answered, the device stays; should the guest let go of it later,
 * a `removed` event says so and the definition of what runs follows.
 */
export interface DeviceFacet {
  /** @throws XML_*, DEVICE_EXISTS, NO_FREE_SLOT, CONFIG_UNSUPPORTED for what cannot be attached to a guest that runs. */
  attach?(uuid: DomainUuid, xml: string, scope: ChangeScope, c: Call): Promise<DomainInfo>;
  /** @throws DEVICE_NOT_FOUND, GUEST_REFUSED */
  detach?(uuid: DomainUuid, device: DeviceReference, scope: ChangeScope, c: Call): Promise<DomainInfo>;
  /** Changes what can change in place. `force`: a medium even when the tray is locked. @throws DEVICE_NOT_FOUND, GUEST_REFUSED, CONFIG_UNSUPPORTED */
  update?(
    uuid: DomainUuid,
    xml: string,
    scope: ChangeScope & { readonly force: boolean },
    c: Call,
  ): Promise<DomainInfo>;
}
