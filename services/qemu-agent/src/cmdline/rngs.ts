import type { Rng } from "@virtmesh/documents/domain/devices/rng";
import { chardevBackend } from "./chardev-backends.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { idOf, objectType, virtioDevice } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts, joinParts } from "./parts.ts";

export function rngArguments(c: BuildContext): void {
  for (const [i, rng] of c.definition.devices.rngs.entries()) addParts(c.args, rngParts(c, rng, i));
}

/** A source of random numbers. */
export function rngParts(c: DeviceContext, rng: Rng, index: number): DeviceParts {
  const path = `devices/rng[${index + 1}]`;
  const { rate } = rng;
  const id = idOf(rng, `rng${index}`);
  const device = {
    ...virtioDevice(c, "virtio-rng", rng, path),
    rng: `obj${id}`,
    id,
    "max-bytes": rate?.bytes,
    // QEMU's own period is 65,536 ms; libvirt means a second when it says nothing.
    period: rate === undefined ? undefined : (rate.period ?? 1000),
  };
  return joinParts(source(c, rng, id, path), { devices: [device] });
}

function source(c: DeviceContext, { backend }: Rng, id: string, path: string): DeviceParts {
  const object = (type: string, values: { readonly filename?: string; readonly chardev?: string }) => ({
    objects: [{ "qom-type": objectType(c, type, `${path}/backend`), id: `obj${id}`, ...values }],
  });
  switch (backend.model) {
    case "builtin":
      return object("rng-builtin", {});
    case "random":
      return object("rng-random", { filename: backend.path ?? "/dev/urandom" });
    case "egd": {
      const chardev = `char${id}`;
      const host = chardevBackend(c, backend.source, {
        id: chardev,
        path: `${path}/backend`,
        socket: `${id}.sock`,
      });
      return joinParts(host, object("rng-egd", { chardev }));
    }
  }
}
