import { type Call, ownCall } from "@virtmesh/core/call";
import type { Driver, Facets } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import { createEsxDriver } from "@virtmesh/esx-agent/driver";
import { datastoresOf } from "@virtmesh/esx-agent/datastores/datastores";
import { EsxServer } from "@virtmesh/esx-agent/server";
import { childrenOf, textAt } from "@virtmesh/esx-agent/vim/node";
import { Scope } from "@virtmesh/kit/scope";
import { startVcsim } from "@virtmesh/lab/vcsim";
import { silentLogger } from "@virtmesh/mesh/logger";

const call: Call = ownCall();
const MIB = 1n << 20n;
const POOL = "LocalDS_0";

describe("datastores of a host of a vCenter", () => {
  const scope = new Scope();
  let storage: Required<Facets["storage"]>;
  let driver: Driver;
  let beside: EsxServer;
  beforeAll(async () => {
    const server = scope.own(await startVcsim({ kind: "vcenter", guests: 1 }));
    const { host, port, ca, user, password } = server;
    driver = scope.own(
      await createEsxDriver({
        ...{ endpoint: { host, port, ca }, credentials: { user, password }, path: "DC0/DC0_H0" },
        ...{ logger: silentLogger, signal: scope.signal },
      }),
    );
    beside = scope.own(new EsxServer(silentLogger));
    await beside.connect({ host, port, ca }, { user, password }, "DC0/DC0_H0", scope.signal);
    storage = driver.storage as Required<Facets["storage"]>;
  }, 590_000);
  afterAll(() => scope[Symbol.asyncDispose]());

  async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield Buffer.from(text);
  }
  const names = async (prefix: string): Promise<string[]> => {
    const found = await storage.volumes(POOL, call);
    return found.map(({ name }) => name).filter((name) => name.startsWith(prefix));
  };
  const everythingIn = async (folder: string): Promise<(string | undefined)[]> => {
    const [datastore] = await datastoresOf(beside, call);
    if (datastore === undefined) throw new Error("the host has no datastore");
    const args = { datastorePath: `[${POOL}] ${folder}`, searchSpec: { matchPattern: "*" } };
    const found = await beside.taskAt("no list", datastore.browser, "SearchDatastore_Task", args, call);
    return childrenOf(found, "file").map((file) => textAt(file, "path"));
  };
  const upload = (name: string, data: AsyncIterable<Uint8Array>, lengthBytes?: bigint) =>
    storage.upload(POOL, name, { offset: 0n, lengthBytes }, data, call);

  it("are its pools, and show the files of its guests", async () => {
    expect(await storage.pools(call)).toEqual([expect.objectContaining({ name: POOL, state: "running" })]);
    expect(await names("DC0_H0_VM0")).toEqual(expect.arrayContaining(["DC0_H0_VM0/DC0_H0_VM0.vmx"]));
  });

  it("get folders with what is made in them", async () => {
    await upload("media/linux/a.iso", pieces("abc", "def"), 6n);
    expect(await everythingIn("media/linux")).toEqual(["a.iso"]);
    expect(await storage.volume(POOL, `[${POOL}] media/linux/a.iso`, call)).toMatchObject({
      ...{ name: "media/linux/a.iso", format: "iso", capacityBytes: 6n },
    });
    expect(await names("media/")).toEqual(["media/linux/a.iso"]);
    await storage.delete(POOL, "media/linux/a.iso", call);
    expect(await names("media/")).toEqual([]);
  });

  it("take files that are empty, and refuse a path that leads through one", async () => {
    expect(await upload("e/empty.iso", pieces(), 0n)).toMatchObject({ capacityBytes: 0n });
    await upload("e/unknown.iso", pieces());
    await expect(upload("e/empty.iso/below.iso", pieces("x"), 1n)).rejects.toBeInstanceOf(VirtError);
    expect(new Set(await everythingIn("e"))).toEqual(new Set(["empty.iso", "unknown.iso"]));
  });

  it("have nothing of an upload whose length was not known when it breaks", async () => {
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(300_000);
      throw new VirtError("CANCELLED", "the client went away");
    }
    await expect(upload("b/broken.iso", breaking())).rejects.toMatchObject({
      message: "the client went away",
    });
    // As an administrator sees it: a list of volumes would not show a file of no kind.
    expect(await everythingIn("b")).toEqual([]);
    await expect(storage.volume(POOL, "b/broken.iso", call)).rejects.toMatchObject({
      reason: "VOLUME_NOT_FOUND",
    });
  });

  it("do not lose a virtual disk to an upload, nor to a guest that runs", async () => {
    await storage.create(
      POOL,
      { name: "d.vmdk", capacityBytes: MIB, format: "", allocationBytes: MIB },
      call,
    );
    await expect(upload("d.vmdk", pieces("x"), 1n)).rejects.toMatchObject({ reason: "VOLUME_EXISTS" });
    await storage.delete(POOL, "d.vmdk", call);
    const guest = driver.domains.list()[0];
    const used = guest?.disks.find(({ source }) => source.startsWith(`[${POOL}] `))?.source ?? "";
    const disk = used.slice(POOL.length + 3);
    await expect(storage.delete(POOL, disk, call)).rejects.toMatchObject({
      reason: "DISK_IN_USE",
      message: expect.stringContaining(`guest "${guest?.name}"`),
    });
  });

  it("give the data of a disk, as long as its capacity, and not the text that describes it", async () => {
    const disk = { name: "data/d.vmdk", capacityBytes: MIB, format: "vmdk", allocationBytes: 0n };
    await storage.create(POOL, disk, call);
    const read = async (offset: bigint, lengthBytes?: bigint): Promise<Buffer> => {
      await using content = await storage.download(POOL, disk.name, { offset, lengthBytes }, call);
      const chunks: Uint8Array[] = [];
      for await (const chunk of content.data) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    expect((await read(0n)).equals(Buffer.alloc(Number(MIB)))).toBe(true);
    expect(await read(MIB - 3n)).toEqual(Buffer.alloc(3));
    await expect(read(MIB, 1n)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    await storage.delete(POOL, disk.name, call);
    expect(await everythingIn("data")).toEqual([]);
  });

  it("take whole files and no parts, and disks of their own kind", async () => {
    const part = storage.upload(POOL, "p.iso", { offset: 5n, lengthBytes: 1n }, pieces("x"), call);
    await expect(part).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    const request = { name: "x.img", capacityBytes: MIB, format: "", allocationBytes: 0n };
    await expect(storage.create(POOL, request, call)).rejects.toThrow("must end in .vmdk");
    await storage.create(POOL, { ...request, name: "x.vmdk" }, call);
    await expect(storage.resize(POOL, "x.vmdk", MIB / 2n, call)).rejects.toMatchObject({
      reason: "UNSUPPORTED",
    });
    await storage.delete(POOL, "x.vmdk", call);
  });
});
