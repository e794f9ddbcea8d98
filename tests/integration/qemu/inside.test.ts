import type { ConsoleStream, DomainInfo } from "@virtmesh/core/driver/domains";
import { buildGuest, type GuestImage } from "@virtmesh/lab/guest/build";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import { call, QemuHostFixture } from "./support.ts";

jest.setTimeout(180_000);

let image: GuestImage;
beforeAll(async () => {
  image = await buildGuest();
});

/** Starts a guest with a kernel and waits until it has come up. */
async function boot(
  host: QemuHostFixture,
  words: readonly string[] = [],
  devices = "",
): Promise<ConsoleStream> {
  const uuid = await host.define(testGuestXml({ name: "web", image, words, devices }));
  await host.domains.start(uuid, { paused: true }, call);
  const console = await host.domains.openConsole(uuid, { device: "", force: false }, call);
  await host.domains.resume(uuid, call);
  await ready(console);
  host.events.length = 0;
  return console;
}

async function ready(console: ConsoleStream): Promise<void> {
  let seen = "";
  for (const output = console.output[Symbol.asyncIterator](); ; ) {
    const { value, done } = await output.next();
    if (done === true) throw new Error(`the console ended after ${seen}`);
    seen += Buffer.from(value).toString("latin1");
    if (seen.includes("GUEST-READY")) return;
  }
}

describe("a guest with somebody inside", () => {
  it("is rebooted and shut down by its power button", async () => {
    await using host = await QemuHostFixture.open();
    await using console = await boot(host);
    const [{ uuid, id }] = host.domains.list() as readonly [DomainInfo];
    await host.domains.reboot(uuid, call);
    await host.until("rebooted host");
    await ready(console);
    expect(host.domains.find("web")).toMatchObject({ state: "running", id });

    await host.domains.shutdown(uuid, call);
    await host.until("stopped shutdown");
    // After a reset by the host SeaBIOS resets a q35 some times more, which is the guest's doing.
    const told = host.told().filter((words) => words !== "rebooted guest");
    expect(told).toEqual(["rebooted host", "shutdown guest", "stopped shutdown"]);
    expect(host.domains.find("web")).toMatchObject({ state: "shutoff", stateReason: "shutdown" });
  });

  it("reboots by itself", async () => {
    await using host = await QemuHostFixture.open();
    await using _ = await boot(host, ["guest.reboot=1"]);
    await host.until("rebooted guest");
    expect(host.domains.find("web")?.state).toBe("running");
  });

  it("panics, which is a crash", async () => {
    await using host = await QemuHostFixture.open();
    await using _ = await boot(host, ["guest.panic=1"], "<panic model='pvpanic'/>");
    await host.until("stopped crashed");
    expect(host.told()).toEqual(["guestPanic", "crashed panicked", "stopped crashed"]);
  });
});
