import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TlsFiles, tlsFrom } from "@virtmesh/kit/tls";
import { Authority } from "@virtmesh/lab/authority";
import { type Door, dial, openDoor } from "./link.ts";

const HERE = "127.0.0.1";
const soon = (): AbortSignal => AbortSignal.timeout(10_000);

describe("the way of a guest's memory", () => {
  let dir: string;
  let files: Readonly<Record<string, TlsFiles>>;
  const doors: Door[] = [];
  const sockets: Socket[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "vm-link-"));
    const authority = await Authority.make(dir);
    const of = async (host: string, role: "agent" | "gateway"): Promise<TlsFiles> =>
      tlsFrom(await authority.host(host, role, [HERE]));
    files = {
      source: await of("host-a", "agent"),
      destination: await of("host-b", "agent"),
      other: await of("host-c", "agent"),
      gateway: await of("host-a", "gateway"),
    };
  }, 30_000);
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const door of doors.splice(0)) door.close();
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  const identity = (who: string): TlsFiles => {
    const found = files[who];
    if (found === undefined) throw new Error(`nobody is called ${who}`);
    return found;
  };

  async function opened(peer: string | undefined, address = HERE): Promise<[Door, Promise<Socket>]> {
    const came = Promise.withResolvers<Socket>();
    const security = peer === undefined ? undefined : { files: identity("destination"), peer };
    const door = await openDoor(address, security, (socket) => {
      sockets.push(socket);
      came.resolve(socket);
    });
    doors.push(door);
    return [door, came.promise];
  }

  async function dialled(door: Door, who: string | undefined, peer = "host-b"): Promise<Socket> {
    const security = who === undefined ? undefined : { files: identity(who), peer };
    const socket = await dial(door.address, security, soon());
    sockets.push(socket);
    return socket;
  }

  it.each([
    ["in the clear", undefined],
    ["between hosts that know each other by their certificates", "source"],
  ])("goes %s", async (_how, who) => {
    const [door, came] = await opened(who && "host-a");
    const socket = await dialled(door, who);
    socket.write("memory");
    const [chunk] = (await once(await came, "data")) as [Buffer];
    expect(chunk.toString()).toBe("memory");
  });

  it("has a port of its own for each guest", async () => {
    const [one] = await opened(undefined);
    const [other] = await opened(undefined);
    expect(one.address).toMatch(/^tcp:127\.0\.0\.1:491\d\d$/);
    expect(other.address).not.toBe(one.address);
  });

  it("is open at all addresses when its own is one of something before this machine", async () => {
    const [door, came] = await opened(undefined, "192.0.2.1");
    const [, port = ""] = /^tcp:192\.0\.2\.1:(\d+)$/.exec(door.address) ?? [];
    sockets.push(await dial(`tcp:${HERE}:${port}`, undefined, soon()));
    await came;
  });

  it.each(["other", "gateway"])("is closed to %s, whom the same authority knows", async (who) => {
    const [door] = await opened("host-a");
    const socket = await dialled(door, who);
    await once(socket.resume(), "close");
  });

  it("does not end at another host than the one that was meant", async () => {
    const [door] = await opened("host-a");
    await expect(dialled(door, "source", "host-d")).rejects.toMatchObject({ reason: "MIGRATION_FAILED" });
  });

  it("is not found where nobody waits", async () => {
    const [door] = await opened(undefined);
    door.close();
    await expect(dial(door.address, undefined, soon())).rejects.toMatchObject({
      reason: "MIGRATION_FAILED",
      message: expect.stringContaining("takes no memory at tcp:127.0.0.1:") as unknown,
    });
  });
});
