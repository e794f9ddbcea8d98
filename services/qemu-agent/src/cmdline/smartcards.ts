import type { Smartcard } from "@virtmesh/documents/domain/devices/smartcard";
import { unsupported } from "./arguments.ts";
import { busOwner } from "./buses.ts";
import { chardevBackend } from "./chardev-backends.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts, joinParts } from "./parts.ts";

/** Where NSS keeps the certificates of the host. */
const DATABASE = "/etc/pki/nssdb";

export function smartcardArguments(c: BuildContext): void {
  const { smartcards } = c.definition.devices;
  if (smartcards.length > 1) throw unsupported("devices/smartcard[2]", "a guest has one smart card at most");
  for (const [i, smartcard] of smartcards.entries()) addParts(c.args, smartcardParts(c, smartcard, i));
}

export function smartcardParts(c: DeviceContext, smartcard: Smartcard, index: number): DeviceParts {
  const path = `devices/smartcard[${index + 1}]`;
  const id = idOf(smartcard, `smartcard${index}`);
  const controller = smartcard.address?.type === "ccid" ? smartcard.address.controller : 0;
  const place = { id, bus: `${busOwner(c, "ccid", controller)}.0` };
  switch (smartcard.mode) {
    case "host":
      return {
        devices: [{ driver: deviceDriver(c, "ccid-card-emulated", path), backend: "nss-emulated", ...place }],
      };
    case "host-certificates": {
      const [cert1, cert2, cert3] = smartcard.certificates;
      return {
        devices: [
          {
            driver: deviceDriver(c, "ccid-card-emulated", path),
            backend: "certificates",
            cert1,
            cert2,
            cert3,
            db: smartcard.database ?? DATABASE,
            ...place,
          },
        ],
      };
    }
    case "passthrough": {
      const chardev = `char${id}`;
      const host = chardevBackend(c, smartcard.source, {
        id: chardev,
        path,
        socket: `${id}.sock`,
        spiceName: "smartcard",
      });
      return joinParts(host, {
        devices: [{ driver: deviceDriver(c, "ccid-card-passthru", path), chardev, ...place }],
      });
    }
  }
}
