import { VirtError } from "@virtmesh/core/errors";
import { guest } from "../cmdline/testing/fixture.ts";
import { refuseNotHonoured } from "./honoured.ts";

const nic = (inside: string, type = "user") => `<interface type='${type}'>${inside}</interface>`;

describe("a guest is not started with half of what it is to have", () => {
  it.each([
    ["limits of the host", guest("<memtune><hard_limit>1</hard_limit></memtune>"), "memtune"],
    ["CPUs of the host", guest("<vcpu cpuset='0-1'>2</vcpu>"), "vcpu/@cpuset"],
    ["a VLAN", guest("", nic("<vlan><tag id='4'/></vlan>")), "devices/interface[1]/vlan"],
    ["passt", guest("", nic("<backend type='passt'/>")), "devices/interface[1]/backend"],
    [
      "a TPM that a program plays",
      guest("", "<tpm><backend type='emulator'/></tpm>"),
      "devices/tpm[1]/backend",
    ],
    [
      "a directory that virtiofsd serves",
      guest("", "<filesystem><driver type='virtiofs'/><source dir='/a'/><target dir='t'/></filesystem>"),
      "devices/filesystem[1]",
    ],
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
    const served = "<filesystem><driver type='virtiofs'/><source socket='/s'/><target dir='t'/></filesystem>";
    expect(() => refuseNotHonoured(guest("", `${served}${nic("")}`))).not.toThrow();
  });
});
