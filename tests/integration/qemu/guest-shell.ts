import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import type { DomainUuid } from "@virtmesh/core/ids";
import { buildGuest } from "@virtmesh/lab/guest/build";
import { type TestGuest, testGuestXml } from "@virtmesh/lab/guest/xml";
import { ownCall } from "@virtmesh/core/call";
import type { QemuHostFixture } from "./support.ts";

const call = ownCall();

/** The shell on a test guest's serial console. */
export class GuestShell implements AsyncDisposable {
  readonly uuid: DomainUuid;
  readonly #console: ConsoleStream;
  readonly #output: AsyncIterator<Uint8Array>;
  #seen = "";
  #count = 0;

  private constructor(uuid: DomainUuid, console: ConsoleStream) {
    this.uuid = uuid;
    this.#console = console;
    this.#output = console.output[Symbol.asyncIterator]();
  }

  /** Defines a test guest, starts it and waits until it has come up. */
  static async boot(
    host: QemuHostFixture,
    guest: Omit<TestGuest, "name" | "image">,
    edit = (xml: string) => xml,
  ) {
    const image = await buildGuest();
    const uuid = await host.define(edit(testGuestXml({ name: "web", image, ...guest })));
    await host.domains.start(uuid, { paused: true }, call);
    const shell = await GuestShell.open(host, uuid);
    await host.domains.resume(uuid, call);
    await shell.until("GUEST-READY");
    host.events.length = 0;
    return shell;
  }

  static async open(host: QemuHostFixture, uuid: DomainUuid): Promise<GuestShell> {
    return new GuestShell(uuid, await host.domains.openConsole(uuid, { device: "", force: true }, call));
  }

  /** What a command prints in the guest. */
  async run(command: string): Promise<string> {
    const n = (this.#count += 1);
    // The marks are put together in the guest, so that the echo of the line is not taken for them.
    await this.#console.write(Buffer.from(`echo "BEGIN"-${n}; ${command}; echo "DONE"-${n}\n`));
    await this.until(`BEGIN-${n}\r\n`);
    const text = await this.until(`DONE-${n}\r\n`);
    return text.slice(0, text.lastIndexOf(`DONE-${n}`)).trim();
  }

  /** Repeats a command inside the guest until what it prints matches. */
  async untilRun(command: string, pattern: string): Promise<void> {
    await this.run(`until ${command} | grep -q -e '${pattern}'; do usleep 50000; done`);
  }

  async until(text: string): Promise<string> {
    for (;;) {
      const at = this.#seen.indexOf(text);
      if (at >= 0) {
        const found = this.#seen.slice(0, at + text.length);
        this.#seen = this.#seen.slice(at + text.length);
        return found;
      }
      const { value, done } = await this.#output.next();
      if (done === true) throw new Error(`the console ended after ${this.#seen}`);
      this.#seen += Buffer.from(value).toString("latin1");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#console[Symbol.asyncDispose]();
  }
}
