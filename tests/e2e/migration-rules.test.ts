import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { EventClass, LifecycleEventType } from "@virtmesh/api/gen/virtmesh/v1/event";
import {
  MigrateDomainRequest,
  MigrationPreflight,
  MigrationServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { refusal, short, Watching } from "./guests.ts";
import { type OptionGuest, OptionGuests, obstacles, SHARED } from "./option-guests.ts";
import { diskTo, MIB, TwoHosts, tuning } from "./two-hosts.ts";

const NIC = `<interface type="user"><mac address="52:54:00:11:22:33"/><model type="virtio"/></interface>`;
/** Slow enough to be met under way. */
const SLOW = { tuning: tuning({ disk: MIB }) };

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
  const ask = (guest: OptionGuest) => ({ uri: hosts.a.uri, requestId: randomUUID(), domain: guest.uuid });
  const standing = async (host: TwoHosts["a"], guest: OptionGuest): Promise<string> => {
    if (!(await hosts.names(host)).includes(guest.name)) return "gone";
    const { persistent, state } = await hosts.domain(host, guest.uuid);
    return `${persistent ? "persistent" : "transient"}, ${state === DomainState.DOMAIN_STATE_RUNNING ? "runs" : "off"}`;
  };

  describe("and its definitions", () => {
    it.each<[string, "running" | "transient", Partial<MigrateDomainRequest>, string, string]>([
      ["moves that of a persistent guest", "running", {}, "gone", "persistent, runs"],
      [
        "keeps it on the source only",
        "running",
        { persistDestination: false },
        "persistent, off",
        "transient, runs",
      ],
      ["keeps it on both", "running", { undefineSource: false }, "persistent, off", "persistent, runs"],
      [
        "keeps it nowhere",
        "running",
        { persistDestination: false, undefineSource: true },
        "gone",
        "transient, runs",
      ],
      ["leaves a transient guest transient", "transient", {}, "gone", "transient, runs"],
      [
        "makes a transient guest persistent",
        "transient",
        { persistDestination: true },
        "gone",
        "persistent, runs",
      ],
    ])("%s", async (_, life, options, onSource, onDestination) => {
      const guest = await guests.make({ life });
      await hosts.end(await begin(guest, { ...SHARED, ...options }));
      expect([await standing(hosts.a, guest), await standing(hosts.b, guest)]).toEqual([
        onSource,
        onDestination,
      ]);
    });

    it("tells of the guest starting there and ending here, in the order in which it happens", async () => {
      await using watching = new Watching(hosts.mesh, {
        domain: "told",
        classes: [EventClass.EVENT_CLASS_LIFECYCLE],
      });
      await watching.synced();
      const guest = await guests.make({ name: "told" });
      await watching.until((event) => short(event) === "told started booted");
      await hosts.end(await begin(guest, SHARED));
      const seen: Record<string, string[]> = { "host-a": [], "host-b": [] };
      while (
        !seen["host-a"]?.some((s) => s.startsWith("UNDEFINED")) ||
        !seen["host-b"]?.some((s) => s.startsWith("RESUMED"))
      ) {
        const message = await watching.next();
        if (message.$case !== "event" || message.value.body?.$case !== "lifecycle") continue;
        const { type, detail } = message.value.body.value;
        seen[message.value.host]?.push(`${wordOf(type)} ${detail}`);
      }
      expect(seen).toEqual({
        "host-a": ["SUSPENDED migrated", "STOPPED migrated", "UNDEFINED removed"],
        "host-b": ["STARTED migrated", "DEFINED added", "RESUMED migrated"],
      });
    });

    it("gives the guest another name and another title there", async () => {
      const guest = await guests.make({ devices: NIC });
      const { xml } = await hosts.mesh.unary(DomainServiceService.getDomainXml, {
        ...{ uri: hosts.a.uri, domain: guest.uuid, inactive: false, secure: true, migratable: true },
      });
      const destinationXml = xml.replace("</name>", "</name><title>moved</title>");
      await hosts.end(await begin(guest, { ...SHARED, destinationName: "other", destinationXml }));
      expect(await hosts.domain(hosts.b, guest.uuid)).toMatchObject({ name: "other", title: "moved" });
    });

    it("refuses a definition with other hardware, and says where it differs", async () => {
      const guest = await guests.make({ devices: NIC });
      const { xml } = await hosts.mesh.unary(DomainServiceService.getDomainXml, {
        ...{ uri: hosts.a.uri, domain: guest.uuid, inactive: false, secure: true, migratable: true },
      });
      const model = xml.replace(/<model type=['"]virtio['"]\/>/, '<model type="e1000"/>');
      expect(await obstacles(begin(guest, { ...SHARED, destinationXml: model }))).toEqual([
        "ABI_MISMATCH devices/interface[52:54:00:11:22:33]/model",
      ]);
      const memory = xml.replace(/<memory unit=['"]KiB['"]>131072/, '<memory unit="KiB">262144');
      expect(await obstacles(begin(guest, { ...SHARED, destinationXml: memory }))).toContain(
        "ABI_MISMATCH memory",
      );
    });
  });

  describe("that something stands in the way of", () => {
    it("is refused to the host where the guest is", async () => {
      const guest = await guests.make();
      expect(await obstacles(begin(guest, { ...SHARED, destinationUri: hosts.a.uri }))).toContain(
        "SAME_HOST host-a",
      );
    });

    it("is refused with everything in the way at once: images, folders, disks, the name, and no encryption", async () => {
      const guest = await guests.make({ disks: ["raw", "raw"] });
      await guests.take(guest.name);
      const image = guests.path(guest, "vda");
      await writeFile(image, "somebody's");
      const found = await obstacles(
        begin(guest, {
          disks: [diskTo("vda", image), diskTo("vdb", "/nowhere/vdb"), diskTo("vdz", "")],
          plaintext: true,
        }),
      );
      expect(found).toEqual([
        `IMAGE_EXISTS vda (${image})`,
        `NAME_TAKEN ${guest.name}`,
        "NO_DIRECTORY vdb (/nowhere/vdb)",
        "NO_SUCH_DISK vdz",
        "PLAINTEXT_REFUSED host-b",
        "PLAINTEXT_REFUSED tls",
      ]);
    });

    it("is only checked when that is asked for, and changes nothing", async () => {
      const guest = await guests.make();
      const operation = await hosts.mesh.unary(
        MigrationServiceService.migrateDomain,
        MigrateDomainRequest.fromPartial({
          ...{
            ...ask(guest),
            destinationUri: hosts.b.uri,
            storage: 2,
            disks: guests.copies(guest),
            validateOnly: true,
          },
        }),
      );
      if (operation.result?.$case !== "response") throw new Error("the check failed");
      const { disks, memoryBytes } = MigrationPreflight.decode(operation.result.value.value);
      expect(operation.done).toBe(true);
      expect(disks).toMatchObject([{ target: "vda", totalBytes: BigInt(8 * MIB) }]);
      expect(memoryBytes).toBe(BigInt(128 * MIB));
      expect([await standing(hosts.a, guest), await standing(hosts.b, guest)]).toEqual([
        "persistent, runs",
        "gone",
      ]);
    });
  });

  describe("under way", () => {
    it("holds the guest: a second one and other changes are refused, naming its operation", async () => {
      const guest = await guests.make();
      const name = await begin(guest, SLOW);
      await hosts.copies(name);
      for (const work of [
        begin(guest),
        hosts.mesh.unary(DomainServiceService.suspendDomain, ask(guest)),
        hosts.mesh.unary(DomainServiceService.undefineDomain, {
          ...ask(guest),
          etag: "",
          managedSave: false,
        }),
      ]) {
        const { reason, context } = await refusal(work);
        expect([reason, context.metadata?.["operation"]]).toEqual(["DOMAIN_BUSY", name]);
      }
      await hosts.cancel(name);
      await hosts.failure(name);
      expect(await standing(hosts.a, guest)).toBe("persistent, runs");
    });

    it("lets the guest be destroyed, and is over then", async () => {
      const guest = await guests.make();
      const name = await begin(guest, SLOW);
      await hosts.copies(name);
      const destroyed = await hosts.mesh.unary(DomainServiceService.destroyDomain, ask(guest));
      expect(destroyed).toMatchObject({ state: DomainState.DOMAIN_STATE_SHUTOFF, stateReason: "destroyed" });
      const { reason, message } = await hosts.failure(name);
      expect(reason).toBe("OPERATION_ABORTED");
      expect(message).toContain("the guest was destroyed");
      expect([await standing(hosts.a, guest), await standing(hosts.b, guest)]).toEqual([
        "persistent, off",
        "gone",
      ]);
      await hosts.mesh.unary(DomainServiceService.startDomain, {
        ...ask(guest),
        paused: false,
        forceBoot: false,
      });
      await hosts.end(await begin(guest));
      expect(await standing(hosts.b, guest)).toBe("persistent, runs");
    });
  });
});

function wordOf(type: LifecycleEventType): string {
  return (Object.entries(LifecycleEventType).find(([, value]) => value === type)?.[0] ?? "").replace(
    "LIFECYCLE_EVENT_TYPE_",
    "",
  );
}
