import { DomainServiceService as D } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { Cli, type RunningCli } from "../cli/cli.ts";
import { type GuestKind, XenHost } from "./xen-host.ts";

jest.setTimeout(400_000);

/** More nodes of memory than the host has. */
const TWO_NODES = {
  vcpus: "<vcpu>2</vcpu>",
  after: `<features><acpi/><apic/></features><cpu><numa>
    <cell id='0' cpus='0' memory='96' unit='MiB'/><cell id='1' cpus='1' memory='96' unit='MiB'/>
  </numa></cpu>`,
};

describe("guests of each kind that Xen has, and their consoles", () => {
  let xen: XenHost;
  let cli: Cli;
  beforeAll(async () => {
    xen = await XenHost.start();
    cli = Cli.of(xen.mesh);
  }, 500_000);
  afterAll(() => xen[Symbol.asyncDispose](), 60_000);

  it.each<[GuestKind, string]>([
    ["linux", "PV"],
    ["xenpvh", "PVH"],
    ["hvm", "HVM"],
  ])("%s: boot, talk on their console, stand still, go on and shut down", async (kind, calls) => {
    const name = `kind-${kind}`;
    await using watching = await xen.watch(name);
    await xen.define(xen.xml(name, { kind, ...(kind === "hvm" ? TWO_NODES : {}) }));
    await xen.start(name);
    using console = cli.start(["-c", xen.uri, "console", name]);
    await console.out(/GUEST-READY/);
    await say(console, "cat /sys/hypervisor/guest_type", calls);
    // Firmware tells systems of their nodes, and only these have one.
    if (kind === "hvm") await say(console, "ls /sys/devices/system/node | grep -c ^node", "2");
    await xen.suspend(name);
    await xen.resume(name);
    await say(console, "echo $((6 * 7))", "42");
    await xen.shutdown(name);
    // The guest's side has ended, and with it the command.
    expect(await console.ended).toMatchObject({ code: 0, err: "" });
    for (const what of [
      "defined added",
      "started booted",
      "suspended paused",
      "resumed unpaused",
      "stopped shutdown",
    ])
      expect(await watching.next()).toBe(`${name} ${what}`);
    await xen.undefine(name);
  });

  it("have one reader, until another takes the console by force, which sees what is said from then on", async () => {
    await xen.define(xen.xml("shared"));
    await xen.start("shared");
    const words = ["-c", xen.uri, "console", "shared"];
    using first = cli.start(words);
    await first.out(/GUEST-READY/);
    const refused = await cli.run(words);
    expect(refused).toMatchObject({ code: 4, err: expect.stringContaining("--force") });
    using second = cli.start([...words, "--force"]);
    await first.ended;
    await say(second, "echo $((6 * 7))", "42");
    expect((await cli.run([...words, "--devname", "serial0"])).err).toContain(
      'has no console "serial0", only console0',
    );
    await xen.destroy("shared");
    await second.ended;
    await expect(xen.mesh.unary(D.getDomain, { uri: xen.uri, domain: "shared" })).resolves.toMatchObject({
      stateReason: "destroyed",
    });
    expect(await cli.run(words)).toMatchObject({ err: expect.stringContaining("does not run") });
    await xen.undefine("shared");
  });
});

/** Types a command and waits for what it prints, alone on its line, so that the echo is not taken for it. */
async function say(console: RunningCli, command: string, answer: string): Promise<void> {
  console.stdin.write(`${command}\n`);
  await console.out(new RegExp(`^${answer}\\r?$`, "m"));
}
