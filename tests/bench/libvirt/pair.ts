import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { ensurePackages } from "@virtmesh/lab/apt";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import type { TwoHosts } from "../hosts-of.ts";
import { guestOf, type Run } from "../migration/scene.ts";
import type { Output } from "../output.ts";
import { LIBVIRT_NEEDS, LibvirtDaemon } from "./daemon.ts";
import { LibvirtSession, type Outcome } from "./session.ts";

/** Two libvirtd of Debian, and one client of both. */
export class LibvirtPair implements AsyncDisposable {
  readonly session: LibvirtSession;
  readonly source: LibvirtDaemon;
  readonly destination: LibvirtDaemon;

  private constructor(session: LibvirtSession, source: LibvirtDaemon, destination: LibvirtDaemon) {
    this.session = session;
    this.source = source;
    this.destination = destination;
  }

  static async start({ source, destination }: TwoHosts, dir: string): Promise<LibvirtPair> {
    await using stack = new AsyncDisposableStack();
    const a = stack.use(await LibvirtDaemon.start(source, join(dir, "libvirt-a")));
    const b = stack.use(await LibvirtDaemon.start(destination, join(dir, "libvirt-b")));
    const session = stack.use(await LibvirtSession.open({ a: a.uri, b: b.uri }, true));
    stack.move();
    return new LibvirtPair(session, a, b);
  }

  /** Starts the guest of a run on the source. */
  async start(run: Run): Promise<void> {
    await this.session.call({ op: "define", host: "a", xml: testGuestXml(guestOf(run, "source")) });
    await this.session.call({ op: "start", host: "a", domain: run.name });
  }

  /** `bandwidthMib`: of memory and of each disk; 0 means no limit. */
  async migrate(run: Run, bandwidthMib = 0): Promise<Outcome> {
    return await this.session.attempt({
      op: "migrate",
      host: "a",
      domain: run.name,
      destination: this.destination.uri,
      data_uri: `tcp://${this.destination.host.address}`,
      destination_xml: testGuestXml(guestOf(run, "destination")),
      bandwidth_mib: bandwidthMib,
    });
  }

  /** Removes what is left of the guest on either side. */
  async remove(run: Run): Promise<void> {
    for (const host of ["a", "b"]) await this.session.attempt({ op: "stop", host, domain: run.name });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]();
    await this.source[Symbol.asyncDispose]();
    await this.destination[Symbol.asyncDispose]();
  }
}

/** The pair, or why it cannot be had on this computer. */
export interface MaybeLibvirt extends AsyncDisposable {
  readonly pair?: LibvirtPair;
  readonly missing?: string;
}

/** Installs libvirt where it is missing and starts both daemons. */
export async function startLibvirt(hosts: TwoHosts, dir: string, output: Output): Promise<MaybeLibvirt> {
  try {
    await ensurePackages(LIBVIRT_NEEDS, (text) => output.progress(text));
  } catch (e) {
    if (!VirtError.is(e)) throw e;
    return { missing: e.message, [Symbol.asyncDispose]: async () => undefined };
  }
  const pair = await LibvirtPair.start(hosts, dir);
  return { pair, [Symbol.asyncDispose]: async () => await pair[Symbol.asyncDispose]() };
}
