import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VirtError } from "@virtmesh/core/errors";
import { newDomainUuid } from "@virtmesh/core/ids";
import type { InstanceStatus } from "./instance-status.ts";
import { StatusStore, StatusWriter } from "./status-store.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "status-"));
});
afterEach(() => rm(dir, { recursive: true }));

function status(name: string): InstanceStatus {
  return {
    ...{
      format: 1,
      uuid: newDomainUuid(),
      name,
      id: 1,
      startTimeMs: 0,
      etag: "",
      xml: "<domain/>",
      logPath: "",
    },
    situation: { state: "running", reason: "booted", rebooting: false, begun: true },
    ...{ vncPorts: {}, taps: {}, consoles: {} },
  };
}

describe("the status of running guests", () => {
  it("is found again as it was written", async () => {
    const store = await StatusStore.open(dir);
    const web = status("web");
    await store.create(web.uuid);
    await store.save(web);
    expect(await store.load(() => undefined)).toEqual([web]);
    await store.remove(web.uuid);
    expect(await readdir(dir)).toEqual([]);
  });

  it("that is damaged is left aside, and told", async () => {
    const store = await StatusStore.open(dir);
    const [good, bad] = [status("good"), status("bad")];
    for (const s of [good, bad]) {
      await store.create(s.uuid);
      await store.save(s);
    }
    await writeFile(join(store.directory(bad.uuid), "status.json"), '{"format": 1, "na');
    const damaged: VirtError[] = [];
    expect(await store.load((e) => damaged.push(e))).toEqual([good]);
    expect(damaged.map((e) => e.message)).toEqual([
      `the status in ${store.directory(bad.uuid)}/status.json cannot be used`,
    ]);
  });

  it("begins without anything of an earlier run", async () => {
    const store = await StatusStore.open(dir);
    const web = status("web");
    await mkdir(join(dir, web.uuid));
    await writeFile(join(dir, web.uuid, "qemu.pid"), "1");
    expect(await readdir(await store.create(web.uuid))).toEqual([]);
  });

  it("needs a directory whose sockets have short paths", async () => {
    await expect(StatusStore.open(`/run/${"x".repeat(60)}`)).rejects.toMatchObject({ reason: "HOST_SETUP" });
  });

  it("is written in order, and only the latest of those that wait", async () => {
    const store = await StatusStore.open(dir);
    const web = status("web");
    await store.create(web.uuid);
    const errors: unknown[] = [];
    const writer = new StatusWriter(store, (e) => errors.push(e));
    for (let id = 1; id <= 50; id += 1) writer.update({ ...web, id });
    await writer.flush();
    const text = await readFile(join(store.directory(web.uuid), "status.json"), "utf8");
    expect([(JSON.parse(text) as InstanceStatus).id, errors]).toEqual([50, []]);
  });
});
