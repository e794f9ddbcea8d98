import { readdir } from "node:fs/promises";
import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { MigrationMode } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { compareImages } from "@virtmesh/lab/guest/verify";
import { type OptionGuest, OptionGuests } from "./option-guests.ts";
import { isEmptied, MIB, TwoHosts, tuning } from "./two-hosts.ts";

const OFFLINE = { mode: MigrationMode.MIGRATION_MODE_OFFLINE };
const SLOW = { tuning: tuning({ disk: MIB }) };

describe("a guest that is off, moved with its disks", () => {
  let hosts: TwoHosts;
  let guests: OptionGuests;
  beforeAll(async () => {
    hosts = await TwoHosts.start();
    guests = new OptionGuests(hosts);
  }, 120_000);
  afterEach(() => guests.clear());
  afterAll(() => hosts[Symbol.asyncDispose](), 60_000);

  const move = (guest: OptionGuest, change = {}): Promise<string> =>
    hosts.begin({ ...OFFLINE, domain: guest.uuid, disks: guests.copies(guest), ...change });

  /** It is off on the first host as before, and nothing is left on the second. */
  async function stayed(guest: OptionGuest): Promise<void> {
    expect((await hosts.domain(hosts.a, guest.name)).state).toBe(DomainState.DOMAIN_STATE_SHUTOFF);
    const daemons = async (runDir: string) =>
      (await readdir(runDir)).filter((name) => name.startsWith("storage-"));
    await isEmptied(async () => [
      ...(await hosts.names(hosts.b)),
      ...(await readdir(hosts.b.imageDir)).filter((name) => name.startsWith(guest.name)),
      ...(await daemons(hosts.a.runDir)),
      ...(await daemons(hosts.b.runDir)),
    ]);
  }

  it("has identical images there, in each format, and is defined there and not here", async () => {
    const guest = await guests.make({ life: "off", disks: ["raw", "qcow2"] });
    const report = await hosts.end(await move(guest));
    expect(report.disks.map((d) => [d.target, d.copiedBytes === d.totalBytes])).toEqual([
      ["vda", true],
      ["vdb", true],
    ]);
    expect(await hosts.names(hosts.a)).toEqual([]);
    expect(await hosts.domain(hosts.b, guest.name)).toMatchObject({
      state: DomainState.DOMAIN_STATE_SHUTOFF,
      persistent: true,
    });
    for (const { target, path, format } of guest.images) {
      const compared = await compareImages({ path, format }, { path: guests.path(guest, target), format });
      expect(compared.identical).toBe(true);
    }
  }, 150_000);

  it("stays as it was when the move is cancelled", async () => {
    const guest = await guests.make({ life: "off" });
    const name = await move(guest, SLOW);
    await hosts.copies(name);
    await hosts.cancel(name);
    expect((await hosts.failure(name)).reason).toBe("OPERATION_ABORTED");
    await stayed(guest);
  }, 150_000);

  it.each(["a", "b"] as const)(
    "stays as it was when the agent of host %s is killed",
    async (which) => {
      const guest = await guests.make({ life: "off" });
      const name = await move(guest, SLOW);
      await hosts.copies(name);
      await hosts[which].agent.kill("SIGKILL");
      await hosts[which].agent.restart();
      await hosts.mesh.complete();
      await hosts.failure(name);
      await stayed(guest);
    },
    150_000,
  );
});
