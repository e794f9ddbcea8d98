import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { guest } from "../cmdline/testing/fixture.ts";
import { withFirmware } from "./choose.ts";
import { readDescriptor } from "./descriptor.ts";

const flash = (name: string, features: readonly string[], machines = "pc-q35-*") =>
  readDescriptor(
    JSON.stringify({
      "interface-types": ["uefi"],
      mapping: {
        device: "flash",
        executable: { filename: `/${name}.fd`, format: "raw" },
        "nvram-template": { filename: `/${name}_VARS.fd`, format: "raw" },
      },
      targets: [{ architecture: "x86_64", machines: [machines] }],
      features,
    }),
    name,
  );
const bios = readDescriptor(
  JSON.stringify({
    "interface-types": ["bios"],
    mapping: { device: "memory", filename: "/bios.bin" },
    targets: [{ architecture: "x86_64", machines: ["pc-*"] }],
  }),
  "bios",
);
const HOST = [
  bios,
  flash("secure", ["requires-smm", "secure-boot", "enrolled-keys"]),
  flash("plain", ["acpi-s3"]),
];
const choose = (os: string, inside = "") =>
  withFirmware<DomainDefinition>(
    guest(`<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type>${os}</os>${inside}`),
    "pc-q35-7.2",
    HOST,
    "/nvram/g.fd",
  );

describe("the firmware of a guest that says only of which kind", () => {
  it("is the first that fits, with its own copy of the variables", () => {
    const { os, features } = choose("");
    expect(os.loader).toEqual({ readonly: true, type: "pflash", path: "/secure.fd", secure: true });
    expect(os.nvram).toEqual({ type: "path", path: "/nvram/g.fd", template: "/secure_VARS.fd" });
    expect(features?.smm).toEqual({ state: true });
  });

  it.each([
    ["without enrolled keys", "<firmware><feature enabled='no' name='enrolled-keys'/></firmware>", ""],
    ["without secure boot", "<firmware><feature enabled='no' name='secure-boot'/></firmware>", ""],
    ["with suspend to memory", "", "<pm><suspend-to-mem enabled='yes'/></pm>"],
  ])("has what is asked of it: %s", (_, os, inside) => {
    expect(choose(os, inside).os.loader?.path).toBe("/plain.fd");
  });

  it("may be a BIOS", () => {
    const definition = guest("<os firmware='bios'><type arch='x86_64' machine='pc'>hvm</type></os>");
    expect(withFirmware(definition, "pc-i440fx-7.2", HOST, "/v").os.loader).toEqual({
      type: "rom",
      path: "/bios.bin",
    });
  });

  it("is refused where none fits, or what it needs is switched off", () => {
    expect(() =>
      withFirmware(
        guest("<os firmware='efi'><type machine='pc'>hvm</type></os>"),
        "pc-i440fx-7.2",
        HOST,
        "/v",
      ),
    ).toThrow(/no firmware of this host fits/);
    expect(() => choose("<loader secure='yes'/>", "<features><smm state='off'/></features>")).toThrow(/smm/);
  });

  it("stays what the definition names", () => {
    const named = guest("<os><type machine='q35'>hvm</type><loader type='pflash'>/mine.fd</loader></os>");
    expect(withFirmware(named, "pc-q35-7.2", HOST, "/v")).toBe(named);
  });
});
