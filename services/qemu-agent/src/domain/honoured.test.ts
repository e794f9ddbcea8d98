import { VirtError } from "@virtmesh/core/errors";
import { guest } from "../cmdline/testing/fixture.ts";
import { refuseNotHonoured } from "./honoured.ts";

const nic = (inside: string, type = "user") => `<interface type='${type}'>${inside}</interface>`;

describe("a guest is not started with half of what it is to have", () => {
  it.each([
    ["limits of the host", guest("<memtune><hard_limit>1</hard_limit></memtune>"), "memtune"],
    ["shares of the host", guest("<cputune><shares>1</shares></cputune>"), "cputune"],
    ["a VLAN", guest("", nic("<vlan><tag id='4'/></vlan>")), "devices/interface[1]/vlan"],
    ["passt", guest("", nic("<backend type='passt'/>")), "devices/interface[1]/backend"],
    [
      "a disk that is encrypted",
      guest(
        "",
        "<disk type='file' device='disk'><source file='/a'/><target dev='vda'/><encryption format='luks'/></disk>",
      ),
      "devices/disk[1]/encryption",
    ],
  ])("that asks for %s", (_, definition, path) => {
    try {
      refuseNotHonoured(definition);
    } catch (e) {
      if (!VirtError.is(e)) throw e;
      expect(e.reason).toBe("CONFIG_UNSUPPORTED");
      expect(e.context.metadata?.["path"]).toBe(`/domain/${path}`);
      return;
    }
    throw new Error("it was taken");
  });

  it("unless there is nothing to refuse", () => {
    expect(() => refuseNotHonoured(guest("", nic("")))).not.toThrow();
  });
});
