import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { ensurePackages } from "@virtmesh/lab/apt";
import { call, failure, guestXml, QemuHostFixture } from "./support.ts";

jest.setTimeout(120_000);

beforeAll(() => ensurePackages([{ package: "swtpm", file: "swtpm" }], () => undefined));

const shared = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>";
const directory = (path: string) =>
  `<filesystem type='mount'><driver type='virtiofs'/><source dir='${path}'/><target dir='t'/></filesystem>`;

describe("programs beside QEMU", () => {
  it("play a TPM and serve a directory, and what the TPM knows stays", async () => {
    await using host = await QemuHostFixture.open();
    const path = join(host.dir, "shared");
    await mkdir(path);
    const tpm = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>";
    const xml = guestXml("helped", `${directory(path)}${tpm}`).replace("<os>", `${shared}<os>`);
    const uuid = await host.define(xml);
    expect(await host.domains.start(uuid, { paused: false }, call)).toMatchObject({ state: "running" });
    await host.domains.destroy(uuid, call);
    expect(await readdir(join(host.dir, "state/tpm", uuid, "tpm2.0"))).toContain("tpm2-00.permall");
    expect(await host.domains.start(uuid, { paused: false }, call)).toMatchObject({ state: "running" });
    await host.domains.destroy(uuid, call);
  });

  it("that end at once are the reason why the guest does not start", async () => {
    await using host = await QemuHostFixture.open();
    const xml = guestXml("lost", directory(join(host.dir, "nowhere"))).replace("<os>", `${shared}<os>`);
    const uuid = await host.define(xml);
    const error = await failure(host.domains.start(uuid, { paused: false }, call));
    expect(error.message).toContain("lost");
    expect(host.domains.find("lost")).toMatchObject({ state: "shutoff" });
  });
});
