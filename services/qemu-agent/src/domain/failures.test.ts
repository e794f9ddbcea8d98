import { VirtError } from "@virtmesh/core/errors";
import { QmpError } from "../qmp/errors.ts";
import { commandFailure, isPortTaken, startFailure } from "./failures.ts";

const DISKS = [
  { target: "vda", path: "/images/a.img" },
  { target: "vdb", path: "/images/b.img" },
];

describe("a start that failed", () => {
  it.each([
    [
      'disk-vdb-storage: Failed to get "write" lock; Is another process using the image [/images/b.img]?',
      "DISK_IN_USE",
      "vdb",
    ],
    ["-blockdev {...}: Could not open '/images/a.img': No such file or directory", "FILE_NOT_FOUND", "vda"],
    ["cannot set up guest memory 'pc.ram': Cannot allocate memory", "LIMIT_REACHED", undefined],
    ["-vnc 127.0.0.1:0: Failed to bind socket: Address already in use", "HOST_SETUP", undefined],
    ["something new", "HYPERVISOR_FAILED", undefined],
  ])("by %s has a reason, and names the disk", (log, reason, disk) => {
    const e = startFailure("web", log, DISKS);
    expect([e.reason, e.context.metadata?.["disk"]]).toEqual([reason, disk]);
    expect(e.message).toContain(log);
    expect(e.message).toContain('"web"');
  });

  it("may be tried on another port only when a port was the trouble", () => {
    expect(isPortTaken(startFailure("web", "Failed to bind socket: Address already in use", []))).toBe(true);
    expect(isPortTaken(startFailure("web", "No space left on device", []))).toBe(false);
  });
});

describe("a command that failed", () => {
  it.each([
    [new QmpError("refused", "blockdev-add", "No space left on device", "GenericError"), "NO_SPACE"],
    [new QmpError("refused", "device_del", "Device 'x' not found", "DeviceNotFound"), "DEVICE_NOT_FOUND"],
    [new QmpError("closed", "stop", "QEMU closed its monitor"), "HYPERVISOR_UNRESPONSIVE"],
    [new QmpError("timeout", "stop", "QEMU did not answer within 10 ms"), "HYPERVISOR_UNRESPONSIVE"],
    [new QmpError("protocol", "query-status", "QEMU's answer is truncated"), "PROTOCOL"],
    [new QmpError("aborted", "stop", "the caller gave up"), "CANCELLED"],
  ] as const)("by %s names the guest and the command", (error, reason) => {
    const e = commandFailure("web", error);
    if (!VirtError.is(e)) throw new Error("it is no VirtError");
    expect(e.reason).toBe(reason);
    expect(e.message).toContain('"web"');
    expect(e.message).toContain(error.command);
  });

  it("by the deadline of the call says so", () => {
    const late = new VirtError("DEADLINE", "too late");
    const e = commandFailure("web", new QmpError("aborted", "stop", "gave up"), AbortSignal.abort(late));
    expect(e).toBe(late);
  });
});
