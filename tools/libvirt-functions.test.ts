import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FACET_METHODS } from "@virtmesh/core/driver/driver";
import { LIBVIRT_MEMBERS, libvirtFunction } from "./libvirt-functions.ts";

/** What libvirt's drivers implement, taken from its source: `{function: {driver: version}}`. */
const counted = join(__dirname, "../../shared/reference/hvsupport.json");
const methods = Object.entries(FACET_METHODS).flatMap(([facet, names]) =>
  names.map((name) => `${facet}.${name}`),
);

describe("libvirt's counterparts of our methods", () => {
  (existsSync(counted) ? it : it.skip)(
    "are implemented by the drivers that libvirt's source fills in",
    () => {
      const source: Record<string, Record<string, string>> = JSON.parse(readFileSync(counted, "utf8"));
      for (const method of methods) {
        const theirs = libvirtFunction(method);
        if (theirs === undefined) continue;
        const filled = Object.keys(source[theirs.name] ?? {})
          .flatMap((driver) => (driver === "storage" ? ["qemu", "lxc", "xen"] : [driver]))
          .filter((driver) => driver in LIBVIRT_MEMBERS);
        expect({ [theirs.name]: [...theirs.drivers].toSorted() }).toEqual({
          [theirs.name]: filled.toSorted(),
        });
      }
    },
  );

  it("are missing only where libvirt has no such call", () => {
    const alone = methods.filter((method) => libvirtFunction(method) === undefined);
    expect(alone.filter((method) => !/^migration|^diskMoves/.test(method))).toEqual([
      "domains.parse",
      "domains.register",
      "resources.setMaxVcpus",
      "conversion.formats",
    ]);
  });
});
