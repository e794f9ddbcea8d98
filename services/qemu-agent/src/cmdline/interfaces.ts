import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import { usbPlace } from "./buses.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf, pciPlace, virtioPci, virtioProperties } from "./context.ts";
import { hostPciAddress, pciRom } from "./host-pci.ts";
import { interfaceDeviceId } from "./ids.ts";
import { isVirtioCard, netdevParts } from "./netdevs.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts, joinParts } from "./parts.ts";
import { refuseAll } from "./refuse.ts";

type HostCard = Extract<Interface, { readonly type: "hostdev" }>;

/** -netdev and -device of every network card. */
export function interfaceArguments(c: BuildContext): void {
  for (const [i, nic] of c.definition.devices.interfaces.entries())
    addParts(c.args, interfaceParts(c, nic, i));
}

/** A network card: the host's side and the guest's. */
export function interfaceParts(c: DeviceContext, nic: Interface, index: number): DeviceParts {
  const path = `devices/interface[${index + 1}]`;
  refuseOptions(nic, path);
  const id = idOf(nic, interfaceDeviceId(index));
  if (nic.type === "hostdev") return { devices: [hostCard(c, nic, id, path)] };
  const netdev = `host${id}`;
  const host = netdevParts(c, nic, netdev, index, path);
  return joinParts(host, {
    devices: [card(c, nic, id, host.netdevs?.length === 0 ? undefined : netdev, path)],
  });
}

function refuseOptions(nic: Interface, path: string): void {
  refuseAll(`${path}/`, {
    backenddomain: nic.backendDomain,
    portForward: nic.type === "user" && nic.backend?.type === "passt" ? undefined : nic.portForwards[0],
    // An empty path means that no script is run, which is so anyway.
    script: nic.type === "ethernet" || nic.script === "" ? undefined : nic.script,
    downscript: nic.type === "ethernet" || nic.downscript === "" ? undefined : nic.downscript,
  });
}

/** A network card of the host. */
function hostCard(c: DeviceContext, nic: HostCard, id: string, path: string): Json {
  const { address } = nic.source;
  if (address === undefined)
    throw unsupported(`${path}/source`, "the network must have given a device of the host");
  if (address.type === "usb") {
    if (address.bus === undefined || address.device === undefined)
      throw unsupported(`${path}/source/address`, "a USB device of the host needs its bus and number");
    const number = (n: number) => String(n).padStart(3, "0");
    return {
      driver: deviceDriver(c, "usb-host", path),
      hostdevice: `/dev/bus/usb/${number(address.bus)}/${number(address.device)}`,
      id,
      ...usbPlace(c, nic, path),
    };
  }
  return {
    driver: deviceDriver(c, "vfio-pci", path),
    host: hostPciAddress(address),
    id,
    bootindex: c.boot.get(nic),
    failover_pair_id: nic.teaming?.type === "transient" ? nic.teaming.persistent : undefined,
    ...pciPlace(c, nic, path),
    ...pciRom(nic),
  };
}

function card(
  c: DeviceContext,
  nic: Exclude<Interface, HostCard>,
  id: string,
  netdev: string | undefined,
  path: string,
): Json {
  const { model = "virtio", driver } = nic;
  const virtio = isVirtioCard(nic);
  if (!virtio && (driver?.queues !== undefined || nic.mtu !== undefined)) {
    throw unsupported(path, `a network card of model ${model} has neither queues nor an MTU`);
  }
  return {
    driver: deviceDriver(c, virtio ? virtioPci("virtio-net", model) : model, `${path}/model`),
    ...(virtio ? virtioCard(nic) : {}),
    netdev,
    id,
    mac: nic.mac?.address,
    bootindex: c.boot.get(nic),
    ...(model === "usb-net" ? usbPlace(c, nic, path) : { ...pciPlace(c, nic, path), ...pciRom(nic) }),
  };
}

/** What only virtio cards have. */
function virtioCard({ driver, mtu, teaming }: Exclude<Interface, HostCard>): Json {
  const queues = driver?.queues ?? 1;
  const several = queues > 1;
  const { host, guest } = driver ?? {};
  return {
    ...virtioProperties(driver),
    tx: driver?.txmode === undefined ? undefined : driver.txmode === "iothread" ? "bh" : "timer",
    ioeventfd: driver?.ioeventfd,
    event_idx: driver?.eventIdx,
    csum: host?.csum,
    gso: host?.gso,
    host_tso4: host?.tso4,
    host_tso6: host?.tso6,
    host_ecn: host?.ecn,
    host_ufo: host?.ufo,
    mrg_rxbuf: host?.mrgRxbuf,
    guest_csum: guest?.csum,
    guest_tso4: guest?.tso4,
    guest_tso6: guest?.tso6,
    guest_ecn: guest?.ecn,
    guest_ufo: guest?.ufo,
    mq: several ? true : undefined,
    // One interrupt a queue and direction, one for the configuration, one for control.
    vectors: several ? 2 * queues + 2 : undefined,
    rx_queue_size: driver?.rxQueueSize,
    tx_queue_size: driver?.txQueueSize,
    rss: driver?.rss,
    hash: driver?.rssHashReport,
    host_mtu: mtu,
    failover: teaming?.type === "persistent" ? true : undefined,
  };
}
