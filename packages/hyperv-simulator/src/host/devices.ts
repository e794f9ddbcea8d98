import { writeEmbedded } from "../cim/embedded.ts";
import type { Reference } from "../cim/value.ts";
import { type Context, guestReference } from "./context.ts";

/** Devices that every guest has, with what Hyper-V calls them behind its id. */
const DEVICES: Readonly<Record<string, string>> = {
  Msvm_Keyboard: "6EF60A3B-7C1B-4B8D-A9DB-2C0FC1A1C7F3",
  Msvm_ShutdownComponent: "9F8233AC-BE49-4C79-8EE3-E7E1985B2077",
  Msvm_HeartbeatComponent: "84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47",
  Msvm_KvpExchangeComponent: "2A34B1C2-FD73-4043-8A5B-DD2159BC743F",
  // Its page says that it is called by a GUID alone.
  Msvm_SyntheticDisplayController: "",
  Msvm_VideoHead: "02F8A362-C508-423F-8E3E-84D640FCB4DC\\0",
};

/** Msvm_KvpExchangeDataItem.Source: filled in by the guest of itself. */
const INTRINSIC = 2;

/** What says whether it has contact with the system in the guest. */
const COMPONENTS = ["Msvm_ShutdownComponent", "Msvm_HeartbeatComponent", "Msvm_KvpExchangeComponent"];
const RESOLUTION = { CurrentHorizontalResolution: 1024, CurrentVerticalResolution: 768 };

/** Msvm_HeartbeatComponent.OperationalStatus and others: fine, and no contact with the guest. */
const STATUS = { ok: 2, noContact: 12 } as const;

function deviceId(id: string, device: string): string {
  return device === "" ? `Microsoft:${id}` : `Microsoft:${id}\\${device}`;
}

export function addDevices(context: Context, id: string): void {
  for (const [className, device] of Object.entries(DEVICES)) {
    const path = context.repository.add(className, {
      ...{ SystemCreationClassName: "Msvm_ComputerSystem", SystemName: id, CreationClassName: className },
      ...{ DeviceID: deviceId(id, device), EnabledState: 2, StatusDescriptions: ["OK"] },
      ...(className === "Msvm_VideoHead" ? RESOLUTION : {}),
    });
    context.repository.add("Msvm_SystemDevice", { GroupComponent: guestReference(id), PartComponent: path });
  }
  context.repository.add("Msvm_VideoHeadOnController", {
    Antecedent: deviceReference("Msvm_SyntheticDisplayController", id),
    Dependent: deviceReference("Msvm_VideoHead", id),
  });
}

export function deviceReference(className: string, id: string): Reference {
  return {
    kind: "reference",
    className,
    keys: {
      ...{ SystemCreationClassName: "Msvm_ComputerSystem", SystemName: id },
      ...{ CreationClassName: className, DeviceID: deviceId(id, DEVICES[className] ?? "") },
    },
  };
}

/** What the services inside of the guest say depends on whether it runs. */
export function showContact(context: Context, id: string, isRunning: boolean): void {
  const status = [isRunning ? STATUS.ok : STATUS.noContact];
  for (const className of COMPONENTS) {
    context.repository.update(deviceReference(className, id), { OperationalStatus: status });
  }
}

/** What the system in a guest tells of itself; nothing when it does not run. */
export function showTold(context: Context, id: string, told: Readonly<Record<string, string>>): void {
  const items = Object.entries(told).map(([Name, Data]) =>
    writeEmbedded({ className: "Msvm_KvpExchangeDataItem", values: { Name, Data, Source: INTRINSIC } }),
  );
  context.repository.update(deviceReference("Msvm_KvpExchangeComponent", id), {
    GuestIntrinsicExchangeItems: items,
  });
}

export function removeDevices(context: Context, id: string): void {
  for (const className of Object.keys(DEVICES)) context.repository.remove(deviceReference(className, id));
}
