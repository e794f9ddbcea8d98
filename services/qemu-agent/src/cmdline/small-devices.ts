import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import { deviceDriver, virtioPci, virtioProperties } from "./context.ts";

/** Balloon, random numbers, watchdog, panic device. */
export function smallDeviceArguments(c: BuildContext): void {
  balloon(c);
  randomNumbers(c);
  watchdog(c);
  panic(c);
}

function balloon(c: BuildContext): void {
  const { memballoons } = c.definition.devices;
  if (memballoons.length > 1) throw unsupported("devices/memballoon[2]", "a guest has one balloon at most");
  const [device] = memballoons;
  if (device === undefined || device.model === "none") return;
  const path = "devices/memballoon";
  if (device.model === "xen")
    throw unsupported(`${path}/@model`, "a balloon of model xen is not one of QEMU");
  c.args.json("-device", {
    driver: deviceDriver(c, virtioPci("virtio-balloon", device.model), path),
    id: "balloon0",
    "deflate-on-oom": device.autodeflate,
    "free-page-reporting": device.freePageReporting,
    ...virtioProperties(device.driver),
    ...c.pci.place(device.address, path),
  });
}

function randomNumbers(c: BuildContext): void {
  for (const [i, rng] of c.definition.devices.rngs.entries()) {
    const path = `devices/rng[${i + 1}]`;
    const { backend, rate } = rng;
    const object = backend.model === "builtin" ? "rng-builtin" : "rng-random";
    if (!c.capabilities.objects.has(object))
      throw unsupported(`${path}/backend`, `${c.capabilities.binary} has no ${object}`);
    const filename = backend.model === "random" ? (backend.path ?? "/dev/urandom") : undefined;
    c.args.json("-object", { "qom-type": object, id: `objrng${i}`, filename });
    c.args.json("-device", {
      driver: deviceDriver(c, virtioPci("virtio-rng", rng.model), path),
      rng: `objrng${i}`,
      id: `rng${i}`,
      "max-bytes": rate?.bytes,
      // QEMU's own period is 65,536 ms; libvirt means a second when it says nothing.
      period: rate === undefined ? undefined : (rate.period ?? 1000),
      ...virtioProperties(rng.driver),
      ...c.pci.place(rng.address, path),
    });
  }
}

function watchdog(c: BuildContext): void {
  const { watchdogs } = c.definition.devices;
  const [first] = watchdogs;
  if (first === undefined) return;
  const action = first.action ?? "reset";
  if (action === "dump")
    throw unsupported("devices/watchdog/@action", "dumping the guest by a watchdog is not supported");
  for (const [i, device] of watchdogs.entries()) {
    const path = `devices/watchdog[${i + 1}]`;
    if ((device.action ?? "reset") !== action)
      throw unsupported(`${path}/@action`, "all watchdogs must have the same action");
    switch (device.model) {
      case "i6300esb": {
        const place = c.pci.place(device.address, path);
        c.args.json("-device", { driver: deviceDriver(c, "i6300esb", path), id: `watchdog${i}`, ...place });
        break;
      }
      case "ib700":
        c.args.json("-device", { driver: deviceDriver(c, "ib700", path), id: `watchdog${i}` });
        break;
      case "itco":
        if (c.board !== "q35") throw unsupported(`${path}/@model`, "only q35 has a watchdog of model itco");
        // ICH9 has it always; by default it is strapped never to reset the machine.
        c.args.options("-global", undefined, { driver: "ICH9-LPC", property: "noreboot", value: "off" });
        break;
      case "diag288":
        throw unsupported(`${path}/@model`, "x86 has no watchdog of model diag288");
    }
  }
  c.args.options("-action", undefined, { watchdog: action });
}

function panic(c: BuildContext): void {
  for (const [i, device] of c.definition.devices.panics.entries()) {
    const path = `devices/panic[${i + 1}]`;
    const { model = "isa", address } = device;
    switch (model) {
      case "isa": {
        const ioport = address?.type === "isa" ? address.iobase : undefined;
        c.args.json("-device", { driver: deviceDriver(c, "pvpanic", path), ioport });
        break;
      }
      case "pvpanic":
        c.args.json("-device", {
          driver: deviceDriver(c, "pvpanic-pci", path),
          id: `panic${i}`,
          ...c.pci.place(address, path),
        });
        break;
      case "hyperv":
      case "pseries":
      case "s390":
        throw unsupported(`${path}/@model`, `a panic device of model ${model} is not supported`);
    }
  }
}
