import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  MigrateDomainRequest,
  MigrationReport,
  MigrationServiceService,
  MigrationStorage,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { freshName } from "@virtmesh/testkit/contract/guests";
import { Fleet, guestXml } from "./fleet.ts";

const D = DomainServiceService;
const O = OperationServiceService;
const A = "test://host-a/default";
const B = "test://host-b/default";
const RUNNING = { state: DomainState.DOMAIN_STATE_RUNNING };

describe("a migration of a test guest, asked for at the gateway", () => {
  let fleet: Fleet;
  let name = "";
  beforeAll(async () => {
    fleet = await Fleet.start("host-a", "host-b");
  }, 60_000);
  beforeEach(() => {
    name = freshName("web");
  });
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  }, 30_000);

  async function guest(faults = ""): Promise<void> {
    const xml = guestXml(name, faults);
    await fleet.unary(D.defineDomain, { uri: A, requestId: "", xml, validateOnly: false, etag: "" });
    await fleet.unary(D.startDomain, {
      uri: A,
      requestId: "",
      domain: name,
      paused: false,
      forceBoot: false,
    });
  }

  const migrate = (more: Partial<MigrateDomainRequest> = {}): Promise<Operation> => {
    const storage = MigrationStorage.MIGRATION_STORAGE_COPY;
    const request = MigrateDomainRequest.fromPartial({
      uri: A,
      domain: name,
      destinationUri: B,
      storage,
      plaintext: true,
      ...more,
    });
    return fleet.unary(MigrationServiceService.migrateDomain, request);
  };
  const end = (operation: Operation): Promise<Operation> =>
    fleet.unary(O.waitOperation, { uri: A, name: operation.name, timeout: { seconds: 30n, nanos: 0 } });
  const get = (uri: string) => fleet.unary(D.getDomain, { uri, domain: name });
  const errorOf = (operation: Operation): string =>
    operation.result?.$case === "error" ? operation.result.value.message : "none";

  it("ends with the guest on the other host only", async () => {
    await guest();
    const done = await end(await migrate());
    expect(errorOf(done)).toBe("none");
    const report =
      done.result?.$case === "response" ? MigrationReport.decode(done.result.value.value) : undefined;
    expect(report).toMatchObject({ uri: B, diskBytes: 64n << 20n });
    expect(await get(B)).toMatchObject({
      ...RUNNING,
      host: "host-b",
      stateReason: "migrated",
      persistent: true,
    });
    await expect(get(A)).rejects.toMatchObject({ reason: "DOMAIN_NOT_FOUND" });
  });

  it.each([
    [
      `<test:migration disk="vda" fail="beforeReady" message="No space left on device"/>`,
      "vda failed: No space left on device",
    ],
    [
      `<test:migration disk="vda" fail="afterReady" message="No space left on device"/>`,
      "vda failed: No space left on device",
    ],
    [
      `<test:migration disk="vda" fail="conclude" message="Input/output error"/>`,
      "vda failed: Input/output error",
    ],
    [`<test:migration fail="memory" message="Broken pipe"/>`, "Broken pipe"],
    [`<test:migration fail="deviceState" message="Broken pipe"/>`, "Broken pipe"],
    [`<test:migration fail="incoming" message="Unknown section"/>`, ""],
    [`<test:fail method="migration.prepare" reason="NO_SPACE" message="no room for it"/>`, "no room for it"],
  ])(
    "fails with the guest running where it was, and nothing left on the other host: %s",
    async (faults, message) => {
      await guest(faults);
      const done = await end(await migrate());
      expect(done).toMatchObject({ done: true, result: { $case: "error" } });
      expect(errorOf(done)).toContain(message);
      expect(await get(A)).toMatchObject(RUNNING);
      await expect(get(B)).rejects.toMatchObject({ reason: "DOMAIN_NOT_FOUND" });
      const again = await fleet.unary(
        MigrationServiceService.migrateDomain,
        MigrateDomainRequest.fromPartial({
          uri: A,
          domain: name,
          destinationUri: B,
          storage: MigrationStorage.MIGRATION_STORAGE_COPY,
          plaintext: true,
          validateOnly: true,
        }),
      );
      expect(again.done).toBe(true);
    },
  );

  it("can be cancelled while it copies", async () => {
    await guest(`<test:delay method="migration.copy" ms="600000"/>`);
    const operation = await migrate();
    await fleet.unary(O.cancelOperation, { uri: A, name: operation.name });
    expect(await end(operation)).toMatchObject({ done: true, result: { $case: "error" } });
    expect(await get(A)).toMatchObject(RUNNING);
  });

  it("refuses with everything that stands in the way", async () => {
    await guest();
    await fleet.unary(D.defineDomain, {
      uri: B,
      requestId: "",
      xml: guestXml(name),
      validateOnly: false,
      etag: "",
    });
    await expect(migrate({ validateOnly: true })).rejects.toMatchObject({
      reason: "MIGRATION_BLOCKED",
      context: {
        preconditions: [
          expect.objectContaining({ type: "NAME_TAKEN" }),
          expect.objectContaining({ type: "DISK_EXISTS" }),
        ],
      },
    });
  });

  it("goes back when the other host dies on the way", async () => {
    const other = await fleet.agent("host-c");
    await guest(`<test:delay method="migration.memory" ms="600000"/>`);
    const operation = await migrate({ destinationUri: "test://host-c/default" });
    await other.kill("SIGKILL");
    const done = await end(operation);
    expect(done).toMatchObject({ done: true, result: { $case: "error" } });
    expect(await get(A)).toMatchObject(RUNNING);
  }, 60_000);
});
