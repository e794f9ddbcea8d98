import {
  DomainServiceService as D,
  DomainState,
  SetAutostartRequest,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { SaveDomainRequest, SavedStateServiceService as S } from "@virtmesh/api/gen/virtmesh/v1/saved_state";
import { XenHost } from "./xen-host.ts";

jest.setTimeout(400_000);

const MIB = 1 << 20;
const RUNNING = { state: DomainState.DOMAIN_STATE_RUNNING };

describe("guests of a real Xen when something ends that should not", () => {
  let xen: XenHost;
  beforeAll(async () => {
    xen = await XenHost.start();
  }, 500_000);
  afterAll(() => xen[Symbol.asyncDispose](), 60_000);

  /** A disk of that size at /tmp/small, with nothing on it. */
  const small = (size: string) =>
    xen.machine.exec([
      ...["sh", "-c"],
      `mkdir -p /tmp/small; umount /tmp/small 2>/dev/null; mount -t tmpfs -o size=${size} small /tmp/small`,
    ]);
  const save = (domain: string) =>
    xen.change(
      S.saveDomain,
      SaveDomainRequest.fromPartial({ uri: xen.uri, domain, path: `/tmp/small/${domain}.save` }),
    );
  /** What is done wherever Xen's toolstack is called, until that is disposed; it is in /usr/sbin/real meanwhile. */
  const wrapXl = async (script: string): Promise<AsyncDisposable> => {
    const put =
      "cd /usr/sbin && mkdir -p real && ln -sf $(readlink -f xl) real/xl && rm xl && cat > xl && chmod +x xl";
    await xen.machine.exec(["sh", "-c", put], `#!/bin/sh\n${script}\n`);
    return {
      [Symbol.asyncDispose]: async () => {
        await xen.machine.exec(["sh", "-c", "ln -sf $(readlink -f /usr/sbin/real/xl) /usr/sbin/xl"]);
      },
    };
  };

  it("that crash leave their memory in a file, where that is wanted, and go on or not", async () => {
    const crash = "<on_crash>coredump-restart</on_crash>";
    await using watching = await xen.watch("crash");
    await xen.define(xen.xml("crash", { after: crash }));
    const { id } = await xen.start("crash");
    await xen.up("crash");
    await xen.machine.exec(["xl", "sysrq", "crash", "c"]);
    for (const what of ["defined added", "started booted", "stopped crashed", "started booted"])
      expect(await watching.next()).toBe(`crash ${what}`);
    const restarted = await xen.get("crash");
    expect(restarted).toMatchObject(RUNNING);
    expect(restarted.id).toBeGreaterThan(id);
    const { stdout } = await xen.machine.exec(["sh", "-c", "stat -c %s /var/lib/xen/dump/crash-*.core"]);
    expect(Number(stdout)).toBeGreaterThan(96 * MIB);
    await xen.machine.exec(["sh", "-c", "head -c 4 /var/lib/xen/dump/crash-*.core | grep -q ELF"]);
    await xen.machine.exec(["sh", "-c", "rm /var/lib/xen/dump/*"]);
    await xen.destroy("crash");
    await xen.undefine("crash");
  });

  it("run on as they were when there is no room to save them, and nothing is left of the file", async () => {
    await small("20M");
    await using watching = await xen.watch("full");
    // Longer than a page of the file, which may have some bytes free.
    const head = `<description>${"long ".repeat(2000)}</description>`;
    await xen.define(xen.xml("full", { head }));
    const { id } = await xen.start("full");
    await xen.up("full");
    await expect(save("full")).rejects.toThrow(/no room for its memory at \/tmp\/small\/full.save/);
    expect(await xen.get("full")).toMatchObject({ ...RUNNING, id });
    expect((await xen.machine.exec(["ls", "/tmp/small"])).stdout).toBe("");
    // Room for its memory, but the last of it is taken before the definition is written behind it.
    await small("140M");
    {
      await using _filled = await wrapXl(
        '/usr/sbin/real/xl "$@" || exit\n[ $1 = save ] && cat /dev/zero > /tmp/small/rest 2>/dev/null\nexit 0',
      );
      await expect(save("full")).rejects.toThrow(/no room for its memory/);
    }
    expect(await xen.get("full")).toMatchObject({ ...RUNNING, id });
    expect((await xen.machine.exec(["ls", "/tmp/small"])).stdout).toBe("rest\n");
    // Its system goes on: it hears that it is to shut down.
    await xen.shutdown("full");
    for (const what of ["defined added", "started booted", "stopped shutdown"])
      expect(await watching.next()).toBe(`full ${what}`);
    await xen.undefine("full");
  });

  it("are booted by the next agent when one was killed between their end and their boot", async () => {
    await using watching = await xen.watch("again");
    await xen.define(xen.xml("again"));
    const { id } = await xen.start("again");
    await xen.up("again");
    // The agent ends the moment it has taken the domain apart and is about to make it anew.
    {
      await using _struck = await wrapXl(
        '[ $1 = create ] && kill -9 $(pidof node)\nexec /usr/sbin/real/xl "$@"',
      );
      await xen.reboot("again");
      await xen.host.agent.exited;
    }
    await xen.restartAgent();
    for (const what of ["defined added", "started booted", "rebooted"])
      expect(await watching.next()).toBe(`again ${what}`);
    await xen.up("again", 2);
    const now = await xen.get("again");
    expect(now).toMatchObject(RUNNING);
    expect(now.id).toBeGreaterThan(id);
    expect(await xen.domains()).toEqual(["again"]);
    await xen.destroy("again");
    await xen.undefine("again");
  });

  it("start with their host where that is wanted, and stay off when only the agent starts anew", async () => {
    await using watching = await xen.watch("first");
    for (const name of ["first", "other"]) await xen.define(xen.xml(name));
    const wanted = SetAutostartRequest.fromPartial({ uri: xen.uri, domain: "first", autostart: true });
    await xen.mesh.unary(D.setAutostart, wanted);
    await xen.restartAgent();
    expect(await xen.domains()).toEqual([]);
    await xen.killAgent();
    // What a boot of the host takes away.
    await xen.machine.exec(["rm", "-r", xen.host.runDir]);
    await xen.host.agent.restart();
    for (const what of ["defined added", "started booted"])
      expect(await watching.next()).toBe(`first ${what}`);
    expect(await xen.domains()).toEqual(["first"]);
    await xen.destroy("first");
    for (const name of ["first", "other"]) await xen.undefine(name);
  });
});
