import fc from "fast-check";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import { fromNative } from "./from-native.ts";
import { limitsIn, withCpuQuota } from "./limits.ts";
import { readSettings } from "./lines.ts";
import { bytesOf, normalisedCpus } from "./numbers.ts";
import { toNative } from "./to-native.ts";

function container(devices = "", more = ""): string {
  return `<domain type='lxc'><name>web</name><memory unit='MiB'>64</memory>${more}
    <os><type>exe</type><init>/sbin/init</init></os>
    <devices><filesystem type='mount'><source dir='/srv/web'/><target dir='/'/></filesystem>${devices}</devices></domain>`;
}

const lines = (xml: string): readonly string[] => toNative(xml).trim().split("\n");

describe("an lxc.conf", () => {
  it("is read by the names of today, whatever names it has", () => {
    const old =
      "lxc.utsname = a\nlxc.network.type = veth\nlxc.network.ipv4 = 10.0.0.2/8\nlxc.network.type=empty\n";
    expect(readSettings(old).map((s) => [s.key, s.value, s.line])).toEqual([
      ["lxc.uts.name", "a", 1],
      ["lxc.net.0.type", "veth", 2],
      ["lxc.net.0.ipv4.address", "10.0.0.2/8", 3],
      ["lxc.net.1.type", "empty", 4],
    ]);
  });

  it.each([
    ["lxc.uts.name", 'line 1: "lxc.uts.name" is not of the form name = value'],
    [
      "# x\nlxc.network.link = br0",
      "line 2: lxc.network.link stands before the lxc.network.type it belongs to",
    ],
    [
      "lxc.uts.name = a\nlxc.hook.start = /bin/x",
      "line 2: lxc.hook.start has no counterpart in libvirt's documents",
    ],
    ["lxc.include = /usr/share/x", "line 1: lxc.include names a file of the other host"],
    ["lxc.rootfs.path = /a", "lxc.uts.name is missing: the name of the container"],
    ["lxc.uts.name = a", "lxc.rootfs.path is missing: the directory of its files"],
    [
      "lxc.uts.name = a\nlxc.rootfs.path = /a\nlxc.net.0.type = ipvlan",
      'line 3: a network of the type "ipvlan"',
    ],
    [
      "lxc.uts.name = a\nlxc.rootfs.path = /a\nlxc.cgroup.memory.limit_in_bytes = 50%",
      'line 3: "50%" is no size in bytes',
    ],
    [
      "lxc.uts.name = a\nlxc.rootfs.path = /a\nlxc.mount.entry = tmpfs run tmpfs defaults 0 0",
      "line 3: a tmpfs needs its size",
    ],
  ])("is refused where it cannot be understood: %j", (text, message) => {
    expect(() => fromNative(text)).toThrow(message);
  });

  it("has one line for each thing that a document says", () => {
    const nic = `<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><ip address='10.0.0.2' family='ipv4' prefix='24'/><route family='ipv4' address='0.0.0.0' gateway='10.0.0.1'/><guest dev='eth0'/></interface>`;
    const mounts = `<filesystem type='mount'><source dir='/srv/my data'/><target dir='/data'/><readonly/></filesystem><filesystem type='ram'><source usage='8' units='MiB'/><target dir='/tmp'/></filesystem>`;
    expect(lines(container(mounts + nic, "<cputune><shares>512</shares></cputune>"))).toEqual([
      "lxc.uts.name = web",
      "lxc.rootfs.path = dir:/srv/web",
      "lxc.mount.auto = proc:mixed sys:mixed",
      "lxc.autodev = 1",
      "lxc.pty.max = 1024",
      "lxc.tty.max = 0",
      "lxc.init.cmd = /sbin/init",
      "lxc.mount.entry = /srv/my\\040data data none bind,create=dir,ro 0 0",
      "lxc.mount.entry = tmpfs tmp tmpfs size=8388608,create=dir 0 0",
      "lxc.net.0.type = veth",
      "lxc.net.0.link = br0",
      "lxc.net.0.hwaddr = 52:54:00:00:00:01",
      "lxc.net.0.name = eth0",
      "lxc.net.0.flags = up",
      "lxc.net.0.ipv4.address = 10.0.0.2/24",
      "lxc.net.0.ipv4.gateway = 10.0.0.1",
      "lxc.cap.drop = audit_control mac_admin mac_override mknod sys_module sys_time",
      "lxc.cgroup.memory.limit_in_bytes = 67108864",
      "lxc.cgroup.cpu.shares = 512",
    ]);
  });

  it("shares the network of its host only when the document says nothing else", () => {
    expect(lines(container())).toContain("lxc.net.0.type = none");
    expect(lines(container("", "<features><privnet/></features>"))).toContain("lxc.net.0.type = empty");
  });

  it("has a root with changes elsewhere when the metadata say so", () => {
    const overlay = `<metadata><overlay xmlns='https://virtmesh.dev/lxc/1' upper='/srv/changes'/></metadata>`;
    expect(lines(container("", overlay))).toContain("lxc.rootfs.path = overlay:/srv/web:/srv/changes");
    expect(() => toNative(container("", overlay.replace("/srv/changes", "changes")))).toThrow(
      /must be|upper=/,
    );
  });

  it.each([
    ["<graphics type='vnc'/>", "a container has no graphic: remove it"],
    [
      "<filesystem type='file'><source file='/a'/><target dir='/x'/></filesystem>",
      'not a filesystem of the type "file"',
    ],
    ["<interface type='user'/>", 'not of the type "user" as it stands'],
  ])("is refused for what no container has: %s", (device, message) => {
    expect(() => toNative(container(device))).toThrow(message);
  });

  it("says the same as the document it was made of, read again", () => {
    const ip = fc
      .tuple(fc.nat(255), fc.nat(255))
      .map(([a, b]) => ({ address: `10.0.${a}.${b}`, family: "ipv4" as const, prefix: 24 }));
    const nic = fc.record({
      mac: fc.nat(255).map((n) => ({ address: `52:54:00:00:00:${n.toString(16).padStart(2, "0")}` })),
      ips: fc.array(ip, { maxLength: 2 }),
      link: fc.constantFrom("up" as const, "down" as const),
    });
    fc.assert(
      fc.property(
        fc.array(nic, { maxLength: 3 }),
        fc.bigInt(1n, 4096n),
        fc.option(fc.integer({ min: 2, max: 1024 })),
        (nics, mib, shares) => {
          const base = parseDomain(fromNative("lxc.uts.name = a\nlxc.rootfs.path = /a\n"));
          const bytes = mib << 20n;
          const definition = {
            ...base,
            memory: { bytes },
            currentMemory: { bytes },
            memtune: { hardLimit: bytes },
            ...(shares === null
              ? {}
              : {
                  cputune: {
                    ...withCpuQuota(base).cputune,
                    shares: BigInt(shares),
                    period: 100_000n,
                    quota: -1n,
                  } as NonNullable<typeof base.cputune>,
                }),
            features: {
              capabilities: { policy: "allow" as const, capabilities: [] },
              ...(nics.length === 0 ? { privnet: true as const } : {}),
            },
            devices: {
              ...base.devices,
              interfaces: nics.map((n) => ({
                type: "bridge" as const,
                source: { bridge: "br0" },
                ...n,
                routes: [],
                portForwards: [],
              })),
            },
          };
          const xml = formatDomain(definition);
          const again = fromNative(toNative(xml).replace("lxc.net.0.type = empty\n", ""));
          expect(again).toBe(formatDomain(parseDomain(xml), { inactive: true, secure: true }));
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("limits of a container", () => {
  it("are other files in the second version of control groups", () => {
    const definition = parseDomain(
      container(
        "",
        "<memtune><soft_limit unit='MiB'>32</soft_limit><swap_hard_limit unit='MiB'>96</swap_hard_limit></memtune><cputune><shares>1024</shares><period>50000</period><quota>25000</quota></cputune><blkiotune><device><path>/dev/block/8:0</path><read_iops_sec>7</read_iops_sec></device></blkiotune>",
      ),
    );
    const of = (version: 1 | 2) => limitsIn(definition, version).map((l) => `${l.file}=${l.value}`);
    expect(of(1)).toEqual([
      "memory.limit_in_bytes=67108864",
      "memory.soft_limit_in_bytes=33554432",
      "memory.memsw.limit_in_bytes=100663296",
      "cpu.shares=1024",
      "cpu.cfs_period_us=50000",
      "cpu.cfs_quota_us=25000",
      "blkio.throttle.read_iops_device=8:0 7",
    ]);
    expect(of(2)).toEqual([
      "memory.max=67108864",
      "memory.high=33554432",
      "memory.swap.max=33554432",
      "cpu.weight=39",
      "cpu.max=25000 50000",
      "io.max=8:0 riops=7",
    ]);
  });

  it("give virtual CPUs their time, unless the document says how much", () => {
    const two = parseDomain(container("", "<vcpu>2</vcpu>"));
    expect(withCpuQuota(two).cputune).toMatchObject({ period: 100_000n, quota: 200_000n });
    const own = parseDomain(container("", "<vcpu>2</vcpu><cputune><quota>-1</quota></cputune>"));
    expect(withCpuQuota(own).cputune).toMatchObject({ quota: -1n });
  });
});

describe("numbers in an lxc.conf", () => {
  it.each([
    ["1,2,5-7", "1-2,5-7"],
    ["3", "3"],
    ["a", undefined],
  ])("the processors %s are %s", (text, expected) => {
    expect(normalisedCpus(text)).toBe(expected);
  });

  it.each([
    ["8m", 8n << 20n],
    ["1073741824", 1n << 30n],
    ["2 GiB", 2n << 30n],
    ["50%", undefined],
  ])("the size %s is %s", (text, expected) => {
    expect(bytesOf(text)).toBe(expected);
  });
});
