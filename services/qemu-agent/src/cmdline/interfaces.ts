import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import { deviceDriver, virtioPci, virtioProperties } from "./context.ts";
import { interfaceDeviceId } from "./ids.ts";
import { refuseAll } from "./refuse.ts";

/** -netdev and -device of every network card. */
export function interfaceArguments(c: BuildContext): void {
  for (const [i, nic] of c.definition.devices.interfaces.entries()) {
    const path = `devices/interface[${i + 1}]`;
    refuseOptions(nic, path);
    c.args.json("-netdev", netdev(c, nic, i, path));
    c.args.json("-device", card(c, nic, i, path));
  }
}

function refuseOptions(nic: Interface, path: string): void {
  refuseAll(`${path}/`, {
    port: nic.port === true ? nic.port : undefined,
    // An empty path means that no script is run, which is so anyway.
    script: nic.script === "" ? undefined : nic.script,
    downscript: nic.downscript === "" ? undefined : nic.downscript,
  });
  refuseAll(`${path}/driver/`, { txmode: nic.driver?.txmode });
  if (nic.type !== "bridge" && nic.type !== "ethernet" && nic.type !== "user") {
    throw unsupported(
      `${path}/@type`,
      `interfaces of type ${nic.type} are not supported, use bridge, ethernet or user`,
    );
  }
  if (nic.type === "user" && nic.source?.dev !== undefined) {
    throw unsupported(`${path}/source/@dev`, "QEMU's own network cannot be bound to a device of the host");
  }
  if (nic.type === "ethernet" && nic.source !== undefined)
    throw unsupported(`${path}/source`, "<source> is not supported");
}

function netdev({ runtime }: BuildContext, nic: Interface, index: number, path: string): Json {
  const id = `host${interfaceDeviceId(index)}`;
  if (nic.type === "user") return { type: "user", id };
  const tap =
    runtime.taps.get(index) ?? (nic.target?.dev === undefined ? undefined : { ifname: nic.target.dev });
  if (tap === undefined) throw unsupported(path, "the agent made no tap device for this interface");
  const vhost = nic.driver?.name === undefined ? runtime.vhost : nic.driver.name === "vhost";
  const queues = nic.driver?.queues ?? 1;
  if ("ifname" in tap) {
    return {
      type: "tap",
      id,
      ifname: tap.ifname,
      script: "no",
      downscript: "no",
      vhost: isVirtio(nic) ? vhost : undefined,
      queues: queues > 1 ? queues : undefined,
    };
  }
  const vhostFds = vhost && isVirtio(nic) ? tap.vhostFds : undefined;
  return {
    type: "tap",
    id,
    ...descriptors("fd", tap.fds),
    vhost: vhost && isVirtio(nic) ? true : undefined,
    ...(vhostFds === undefined ? {} : descriptors("vhostfd", vhostFds)),
  };
}

function descriptors(name: "fd" | "vhostfd", fds: readonly number[]): Json {
  return fds.length === 1 ? { [name]: String(fds[0]) } : { [`${name}s`]: fds.join(":") };
}

/** A card without a model is a virtio one. */
function isVirtio(nic: Interface): boolean {
  return nic.model === undefined || nic.model === "virtio" || nic.model.startsWith("virtio-");
}

function card(c: BuildContext, nic: Interface, index: number, path: string): Json {
  const { model = "virtio", driver, rom } = nic;
  const virtio = isVirtio(nic);
  const name = virtio ? virtioPci("virtio-net", model) : model;
  const queues = driver?.queues ?? 1;
  const several = virtio && queues > 1;
  if (!virtio && (driver?.queues !== undefined || nic.mtu !== undefined)) {
    throw unsupported(path, `a network card of model ${model} has neither queues nor an MTU`);
  }
  return {
    driver: deviceDriver(c, name, `${path}/model`),
    netdev: `host${interfaceDeviceId(index)}`,
    id: interfaceDeviceId(index),
    mac: nic.mac?.address,
    bootindex: c.boot.get(nic),
    romfile: rom?.enabled === false ? "" : rom?.file,
    rombar: rom?.bar === undefined ? undefined : rom.bar ? 1 : 0,
    ...(virtio
      ? {
          host_mtu: nic.mtu,
          mq: several ? true : undefined,
          // One interrupt a queue and direction, one for the configuration, one for control.
          vectors: several ? 2 * queues + 2 : undefined,
          rx_queue_size: driver?.rxQueueSize,
          tx_queue_size: driver?.txQueueSize,
          ioeventfd: driver?.ioeventfd,
          event_idx: driver?.eventIdx,
          rss: driver?.rss,
          hash: driver?.rssHashReport,
          ...virtioProperties(driver),
        }
      : {}),
    ...c.pci.place(nic.address, path),
  };
}
