import { guest } from "../cmdline/testing/fixture.ts";
import { helpersOf } from "./helpers-of.ts";

const PLACES = { directory: "/run/g", tpmDir: "/var/tpm" };
const shared = "<memoryBacking><access mode='shared'/></memoryBacking>";
const fs = (inside: string) => `<filesystem><driver type='virtiofs'/>${inside}<target dir='t'/></filesystem>`;

describe("the programs beside QEMU that a guest needs", () => {
  it("serve its directories", () => {
    const binary = "<binary xattr='on'><cache mode='none'/><lock flock='off'/></binary>";
    expect(helpersOf(guest(shared, fs(`${binary}<source dir='/a b'/>`)), PLACES)).toMatchObject([
      {
        args: ["--fd=3", "-o", "source=/a b,cache=none,xattr,no_flock"],
        socket: "/run/g/fs0-fs.sock",
      },
    ]);
  });

  it("play its TPM, whose state stays", () => {
    const definition = guest("", "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>");
    const state = `/var/tpm/${definition.uuid}/tpm2.0`;
    expect(helpersOf(definition, PLACES)).toMatchObject([
      {
        args: [
          "socket",
          "--ctrl",
          "type=unixio,fd=3",
          "--tpmstate",
          `dir=${state},mode=0600`,
          "--terminate",
          "--tpm2",
        ],
        socket: "/run/g/tpm0-swtpm.sock",
        directories: [state],
      },
    ]);
  });

  it("are none where somebody else starts them", () => {
    expect(helpersOf(guest("", fs("<source socket='/s'/>")), PLACES)).toEqual([]);
  });

  it.each([
    ["memory that nobody else sees", "", fs("<source dir='/a'/>"), "devices/filesystem[1]"],
    ["a path that cannot be said", shared, fs("<source dir='/a,b'/>"), "devices/filesystem[1]/source/@dir"],
  ])("are refused for %s", (_, inside, devices, path) => {
    expect(() => helpersOf(guest(inside, devices), PLACES)).toThrow(`(/domain/${path})`);
  });
});
