import { isReference, type Reference } from "../cim/value.ts";
import type { Context } from "./context.ts";

const CLASS = "Msvm_GuestNetworkAdapterConfiguration";

/** Where what the system in a guest says of a port is to be seen. */
export function addGuestNetwork(context: Context, port: Reference, part: string): void {
  const said = context.repository.add(CLASS, {
    ...{ InstanceID: `Microsoft:GuestNetwork\\${part}`, ProtocolIFType: 4096, DHCPEnabled: true },
    ...{ IPAddresses: [], Subnets: [], DefaultGateways: [], DNSServers: [], IPAddressOrigins: [] },
  });
  context.repository.add("Msvm_SettingDataComponent", { GroupComponent: port, PartComponent: said });
}

function networkOf(context: Context, port: Reference): Reference | undefined {
  const [association] = context.repository
    .associationsOf(port)
    .filter(({ className }) => className === "Msvm_SettingDataComponent");
  const said = association?.values["PartComponent"];
  return isReference(said) ? said : undefined;
}

export function showAddresses(context: Context, port: Reference, addresses: readonly string[]): void {
  const path = networkOf(context, port);
  if (path === undefined) return;
  const masks = addresses.map((address) => (address.includes(":") ? "64" : "255.255.255.0"));
  context.repository.update(path, { IPAddresses: addresses, Subnets: masks });
}

/** Removes a resource, and what the guest says of it. */
export function removeResource(context: Context, resource: Reference): void {
  const path = networkOf(context, resource);
  context.repository.remove(resource);
  if (path !== undefined) context.repository.remove(path);
}
