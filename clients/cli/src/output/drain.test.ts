import { DrainedGuest, DrainedGuestState as S, DrainProgress } from "@virtmesh/api/gen/virtmesh/v1/host";
import { drainLine, guestLine, renderDrain } from "./drain.ts";

const guest = (domainName: string, state: S, more: Partial<DrainedGuest> = {}) =>
  DrainedGuest.fromPartial({ domainName, state, destinationUri: "qemu://host-b/system", ...more });

describe("a drain in words", () => {
  it("counts what there is of each, and nothing else", () => {
    expect(
      drainLine(DrainProgress.fromPartial({ total: 20, moved: 12, moving: 2, pending: 5, left: 1 })),
    ).toBe("12 of 20 moved, 2 moving, 5 to go, 1 left");
    expect(drainLine(DrainProgress.fromPartial({ total: 3, moved: 3 }))).toBe("3 of 3 moved");
  });

  it("names the guests that move, as many as fit", () => {
    const guests = Array.from({ length: 10 }, (_, i) => guest(`web-${i}`, S.DRAINED_GUEST_STATE_MOVING));
    const lines = renderDrain(DrainProgress.fromPartial({ total: 10, moving: 10, guests }), 80);
    expect(lines.slice(0, 2)).toEqual(["0 of 10 moved, 10 moving", "  web-0 moving to host-b"]);
    expect(lines.at(-1)).toBe("  and 2 more");
  });

  it("says why a guest is tried again or left, without what could disturb the terminal", () => {
    expect(guestLine(guest("web", S.DRAINED_GUEST_STATE_RETRYING, { error: "it broke\u001b[2J" }))).toBe(
      "web retrying: it broke\\x1b[2J",
    );
    expect(guestLine(guest("web", S.DRAINED_GUEST_STATE_MOVED))).toBe("web moved to host-b");
  });
});
