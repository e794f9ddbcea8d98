import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UpdateMigrationLimitsRequest } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { DEFAULT_LIMITS, LimitsStore } from "./limits.ts";
import { limitsChange } from "./limits-wire.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "limits-"));
});
afterEach(() => rm(dir, { recursive: true }));

describe("the limits of migrations", () => {
  it("are those of the configuration until they are changed, and the change outlives the agent", async () => {
    const path = join(dir, "limits.json");
    const store = await LimitsStore.open(path, { outgoing: 2 });
    expect(store.now).toEqual({ ...DEFAULT_LIMITS, outgoing: 2 });
    await store.change({ incoming: 7, linkBandwidth: 5_000_000_000n });
    const again = await LimitsStore.open(path, { outgoing: 3, incoming: 1 });
    expect(again.now).toEqual({ ...DEFAULT_LIMITS, outgoing: 3, incoming: 7, linkBandwidth: 5_000_000_000n });
  });

  it.each([
    ["{}x", "HOST_SETUP"],
    ['{"outgoing":"many"}', "HOST_SETUP"],
    ['{"sideways":1}', "HOST_SETUP"],
  ])("are not guessed from a broken file: %s", async (text, reason) => {
    const path = join(dir, "limits.json");
    await writeFile(path, text);
    await expect(LimitsStore.open(path)).rejects.toMatchObject({ reason });
  });

  it("change only where the mask says so", () => {
    const limits = { outgoing: 8, perLink: 2 };
    const request = UpdateMigrationLimitsRequest.fromPartial({
      limits,
      updateMask: ["outgoing", "link_bandwidth_bytes_per_second"],
    });
    expect(limitsChange(request)).toEqual({ outgoing: 8, linkBandwidth: 0n });
  });

  it("are at least one, and only those that there are", () => {
    const change = (limits: object, updateMask: string[]) => () =>
      limitsChange(UpdateMigrationLimitsRequest.fromPartial({ limits, updateMask }));
    expect(change({ incoming: 0 }, ["incoming"])).toThrow(
      "limits.incoming: must be from 1 to 1000, not 0; to take no guests at all, cordon the host",
    );
    expect(change({}, ["sideways"])).toThrow(/"sideways" is none of outgoing, incoming/);
  });
});
