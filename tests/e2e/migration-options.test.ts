import { randomUUID } from "node:crypto";
import { appendFile } from "node:fs/promises";
import { compareImages } from "@virtmesh/lab/guest/verify";
import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  MemoryCompression,
  type MigrateDomainRequest,
  MigrationPhase,
  MigrationMode,
  MigrationServiceService,
  MirrorCopyMode,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { refusal } from "./guests.ts";
import { type OptionGuest, OptionGuests, obstacles, SHARED } from "./option-guests.ts";
import { MIB, TwoHosts, tuning } from "./two-hosts.ts";

const RUNNING = DomainState.DOMAIN_STATE_RUNNING;
const PAUSED = DomainState.DOMAIN_STATE_PAUSED;

describe("a migration", () => {
  let hosts: TwoHosts;
  let guests: OptionGuests;
  beforeAll(async () => {
    hosts = await TwoHosts.start();
    guests = new OptionGuests(hosts);
  }, 150_000);
  afterEach(() => guests.clear(), 90_000);
  afterAll(() => hosts[Symbol.asyncDispose](), 60_000);

  const begin = (guest: OptionGuest, change: Partial<MigrateDomainRequest> = {}): Promise<string> =>
    hosts.begin({ domain: guest.uuid, disks: guests.copies(guest), ...change });
  const back = (guest: OptionGuest): Promise<string> =>
    begin(guest, { uri: hosts.b.uri, destinationUri: hosts.a.uri, disks: guests.copies(guest, hosts.a) });
  const there = async (guest: OptionGuest) => await hosts.domain(hosts.b, guest.uuid);
  const here = async (guest: OptionGuest) => await hosts.domain(hosts.a, guest.uuid);
  const ask = (guest: OptionGuest) => ({ uri: hosts.a.uri, requestId: randomUUID(), domain: guest.uuid });

  describe("of the storage", () => {
    it("copies nothing when both hosts see the images", async () => {
      const guest = await guests.make();
      const report = await hosts.end(await begin(guest, SHARED));
      expect(report.disks).toEqual([]);
      expect(await there(guest)).toMatchObject({
        state: RUNNING,
        disks: [{ target: "vda", source: guest.images[0]?.path }],
      });
    });

    it("refuses shared disks with the host's cache, unless told that it is safe", async () => {
      const guest = await guests.make({ cache: "writeback" });
      expect(await obstacles(begin(guest, SHARED))).toEqual(["UNSAFE_CACHE vda"]);
      await hosts.end(await begin(guest, { ...SHARED, unsafe: true }));
      expect((await there(guest)).state).toBe(RUNNING);
    });

    it("copies with writes that wait for both sides", async () => {
      const guest = await guests.make();
      const copyMode = MirrorCopyMode.MIRROR_COPY_MODE_WRITE_BLOCKING;
      await hosts.end(await begin(guest, { copyMode }));
      expect((await there(guest)).state).toBe(RUNNING);
    });

    it("copies qcow2 to raw and raw to qcow2, with equal content", async () => {
      const guest = await guests.make({ disks: ["qcow2", "raw"] });
      const to = { vda: "raw", vdb: "qcow2" } as const;
      const disks = guests.copies(guest).map((d) => ({
        ...d,
        destinationFormat: d.target === "vda" ? to.vda : to.vdb,
      }));
      await hosts.end(await begin(guest, { disks }));
      expect((await there(guest)).disks.map((d) => d.format)).toEqual(["raw", "qcow2"]);
      for (const { target, path, format } of guest.images) {
        const copy = { path: guests.path(guest, target), format: target === "vda" ? to.vda : to.vdb };
        expect(await compareImages({ path, format }, copy)).toMatchObject({ identical: true });
      }
    });

    it("copies four disks at once", async () => {
      const guest = await guests.make({ disks: ["raw", "raw", "qcow2", "raw"] });
      const { disks } = await hosts.end(await begin(guest));
      expect(disks.map((d) => [d.target, d.copiedBytes])).toEqual(
        ["vda", "vdb", "vdc", "vdd"].map((target) => [target, BigInt(8 * MIB)]),
      );
    });

    it("brings a guest back over its old images, and only over those that nobody has touched", async () => {
      const guest = await guests.make({ disks: ["raw", "qcow2"] });
      await hosts.end(await begin(guest));
      await hosts.end(await back(guest), undefined, hosts.b.uri);
      expect(await here(guest)).toMatchObject({ state: RUNNING, generation: 3n });
      for (const { target, path, format } of guest.images) {
        const copy = { path: guests.path(guest, target), format };
        expect(await compareImages({ path, format }, copy)).toMatchObject({ identical: true });
      }
      await hosts.end(await begin(guest));
      const [touched] = guest.images;
      if (touched === undefined) throw new Error("the guest has no disks");
      await appendFile(touched.path, "somebody's");
      expect(await obstacles(back(guest))).toEqual([`IMAGE_EXISTS vda (${touched.path})`]);
    });
  });

  describe("of the memory", () => {
    it.each<[string, Partial<MigrateDomainRequest>]>([
      [
        "over four connections with zstd",
        { parallelConnections: 4, compression: MemoryCompression.MEMORY_COMPRESSION_ZSTD },
      ],
      ["with xbzrle", { compression: MemoryCompression.MEMORY_COMPRESSION_XBZRLE }],
      ["slowing the CPUs down where needed", { autoConverge: true }],
      ["with a downtime of a second", { tuning: tuning({ downtimeMs: 1_000 }) }],
      ["given up when the guest meets an I/O error", { abortOnIoError: true }],
    ])("moves it %s", async (_, options) => {
      const guest = await guests.make();
      await hosts.end(await begin(guest, { ...SHARED, ...options }));
      expect((await there(guest)).state).toBe(RUNNING);
    });

    it("ends sooner when its limits are raised while it runs", async () => {
      const guest = await guests.make();
      const name = await begin(guest, { ...SHARED, tuning: tuning({ memory: 64 * 1024 }) });
      await hosts.reaches(name, MigrationPhase.MIGRATION_PHASE_COPYING_MEMORY);
      await hosts.mesh.unary(MigrationServiceService.tuneMigration, {
        ...{ uri: hosts.a.uri, requestId: randomUUID(), id: name.replace("operations/", "") },
        tuning: tuning({ memory: 0 }),
        updateMask: ["memory_bandwidth_bytes_per_second"],
      });
      await hosts.end(name);
      expect((await there(guest)).state).toBe(RUNNING);
    });

    it("gives up at its time limit, and the guest stays", async () => {
      const guest = await guests.make();
      const name = await begin(guest, {
        tuning: tuning({ disk: MIB }),
        timeout: { seconds: 1n, nanos: 0 },
      });
      expect((await hosts.failure(name)).reason).toBe("DEADLINE");
      expect((await here(guest)).state).toBe(RUNNING);
      expect(await hosts.names(hosts.b)).toEqual([]);
    });
  });

  describe("of a guest's state", () => {
    it("leaves a paused guest paused", async () => {
      const guest = await guests.make({ life: "paused" });
      await hosts.end(await begin(guest, SHARED));
      expect(await there(guest)).toMatchObject({ state: PAUSED, stateReason: "user" });
      await hosts.mesh.unary(DomainServiceService.resumeDomain, { ...ask(guest), uri: hosts.b.uri });
      expect((await there(guest)).state).toBe(RUNNING);
    });

    it("pauses a guest that runs when asked to", async () => {
      const guest = await guests.make();
      await hosts.end(await begin(guest, { ...SHARED, paused: true }));
      expect(await there(guest)).toMatchObject({ state: PAUSED, stateReason: "user" });
    });
  });

  describe("in the clear", () => {
    let open: TwoHosts;
    beforeAll(async () => {
      open = await TwoHosts.start({ agentArguments: ["--allow-plaintext-migration"] });
    }, 150_000);
    afterAll(() => open[Symbol.asyncDispose](), 60_000);

    it("is possible when both agents allow it", async () => {
      const there = new OptionGuests(open);
      const guest = await there.make();
      const change = { domain: guest.uuid, disks: there.copies(guest), plaintext: true };
      await open.end(await open.begin(change));
      expect((await open.domain(open.b, guest.uuid)).state).toBe(RUNNING);
    });
  });

  describe("of a guest that is off", () => {
    const OFFLINE = { ...SHARED, mode: MigrationMode.MIGRATION_MODE_OFFLINE };

    it("moves the definition", async () => {
      const guest = await guests.make({ life: "off" });
      await hosts.end(await begin(guest, OFFLINE));
      expect(await hosts.names(hosts.a)).toEqual([]);
      const moved = await there(guest);
      expect(moved).toMatchObject({ persistent: true, state: DomainState.DOMAIN_STATE_SHUTOFF });
      await hosts.mesh.unary(DomainServiceService.startDomain, {
        ...{ ...ask(guest), uri: hosts.b.uri, paused: false },
        forceBoot: false,
      });
      expect((await there(guest)).state).toBe(RUNNING);
    });

    it("keeps the definition on the source when asked to", async () => {
      const guest = await guests.make({ life: "off" });
      await hosts.end(await begin(guest, { ...OFFLINE, undefineSource: false }));
      expect(await hosts.names(hosts.a)).toEqual([guest.name]);
      expect(await hosts.names(hosts.b)).toEqual([guest.name]);
    });

    it("gives the guest another name and title there", async () => {
      const guest = await guests.make({ life: "off" });
      const destinationXml = guest.xml.replace("</name>", "</name><title>moved</title>");
      await hosts.end(await begin(guest, { ...OFFLINE, destinationName: "other", destinationXml }));
      expect(await there(guest)).toMatchObject({ name: "other", title: "moved" });
    });

    it("is refused for one that runs, and where no definition would be left", async () => {
      const running = await guests.make();
      expect((await refusal(begin(running, OFFLINE))).reason).toBe("DOMAIN_RUNNING");
      const off = await guests.make({ life: "off" });
      const lost = await refusal(begin(off, { ...OFFLINE, persistDestination: false, undefineSource: true }));
      expect(lost.context.violations).toMatchObject([{ field: "persist_destination" }]);
      expect((await refusal(begin(off, SHARED))).reason).toBe("DOMAIN_NOT_RUNNING");
    });
  });
});
