import { Child } from "@virtmesh/lab/process";

/** With everything built; a new computer builds for minutes. */
const DEMO_MS = 900_000;

it(
  "npm run demo:all -- --json takes a guest of every hypervisor through its life, with all events in one stream",
  async () => {
    await using demo = await Child.start(["bash", "tools/demo-all.sh", "--json"], {
      name: "npm run demo:all",
    });
    expect(await demo.exited).toEqual({ code: 0, signal: null });
    const last = demo.tail().findLast((text) => text.startsWith("{")) ?? "";
    expect(JSON.parse(last)).toEqual({
      hypervisors: { qemu: "ok", lxc: "ok", xen: "ok", esx: "ok", hyperv: "ok", test: "ok" },
    });
  },
  DEMO_MS,
);
