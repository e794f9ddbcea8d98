import type { ListedDomain } from "../xl/listing.ts";
import { type Act, BOOTED, factOf, follow, type Standing, wishesOf, type Wishes } from "./story.ts";

const WISHES: Wishes = { onPoweroff: "destroy", onReboot: "restart", onCrash: "destroy" };
const row = (more: Partial<ListedDomain>): ListedDomain => ({
  ...{ name: "web", id: 3, uuid: "11111111-2222-3333-4444-555555555501", memoryMiB: 96, vcpus: 1 },
  ...{ paused: false, dying: false, shutdown: undefined, cpuSeconds: 1 },
  ...more,
});

describe("the story of a guest of Xen", () => {
  it.each<[Partial<ListedDomain>, Partial<Wishes>, Act]>([
    [{}, {}, { kind: "nothing" }],
    [{ shutdown: "poweroff" }, {}, { kind: "end", reason: "shutdown", dump: false }],
    [{ shutdown: "reboot" }, {}, { kind: "restart", reason: "reboot", dump: false }],
    [{ shutdown: "softReset" }, {}, { kind: "restart", reason: "reboot", dump: false }],
    [{ shutdown: "reboot" }, { onReboot: "destroy" }, { kind: "end", reason: "shutdown", dump: false }],
    [{ shutdown: "crash" }, {}, { kind: "end", reason: "crashed", dump: false }],
    [{ shutdown: "watchdog" }, { onCrash: "restart" }, { kind: "restart", reason: "crashed", dump: false }],
    [{ shutdown: "crash" }, { onCrash: "coredump-destroy" }, { kind: "end", reason: "crashed", dump: true }],
    [
      { shutdown: "crash" },
      { onCrash: "coredump-restart" },
      { kind: "restart", reason: "crashed", dump: true },
    ],
    [{ shutdown: "suspend" }, {}, { kind: "nothing" }],
    [{ dying: true, shutdown: "poweroff" }, {}, { kind: "forget" }],
  ])("with %j and the wishes %j goes on with %j", (more, wishes, act) => {
    expect(follow(BOOTED, factOf(row(more)), { ...WISHES, ...wishes })).toEqual(act);
  });

  it("ends when Xen has the domain no more", () => {
    expect(follow(BOOTED, factOf(undefined), WISHES)).toEqual({ kind: "forget" });
  });

  it("tells of a guest that is kept once, however often Xen says that it ended", () => {
    const fact = factOf(row({ shutdown: "crash" }));
    const first = follow(BOOTED, fact, { ...WISHES, onCrash: "preserve" });
    expect(first).toMatchObject({ kind: "keep", told: { type: "crashed" } });
    const kept: Standing = { state: "crashed", reason: "panicked" };
    expect(follow(kept, fact, { ...WISHES, onCrash: "preserve" })).toEqual({ kind: "nothing" });
  });

  it("follows xl where a definition says nothing", () => {
    expect(wishesOf({} as Parameters<typeof wishesOf>[0])).toEqual(WISHES);
  });
});
