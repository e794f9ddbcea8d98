import { VirtError } from "@virtmesh/core/errors";
import fc from "fast-check";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import { type DomainDefinition, domainSchema } from "@virtmesh/documents/domain/model";
import { completeXenDomain } from "@virtmesh/documents/domain/semantics/xen";
import { madeUpXml } from "@virtmesh/documents/testing/made-up-xml";
import type { XmlTree } from "@virtmesh/documents/xml/tree";
import { writeXml } from "@virtmesh/documents/xml/write";
import { xlDefinition } from "./from-xl.ts";
import { toXl, xlConfig } from "./to-xl.ts";
import { toXm } from "./to-xm.ts";

type Kind = "hvm" | "linux" | "xenpvh";

/** What files and XML have to take care of, and what not. */
const path = fc
  .string({ unit: fc.constantFrom(...`ab/ "'\\,=#;:&<[é`.split("")), minLength: 1, maxLength: 12 })
  .map((text) => `/srv/${text.trim()}`);
const word = fc
  .string({ unit: fc.constantFrom(..."abz09_-".split("")), maxLength: 8 })
  .map((text) => `w${text}`);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const mac = fc
  .uint8Array({ minLength: 3, maxLength: 3 })
  .map((bytes) => `00:16:3e:${[...bytes].map((b) => b.toString(16).padStart(2, "0")).join(":")}`);

const escaped = (text: string) => text.replace(/[&<>'"]/g, (c) => `&#${c.codePointAt(0)};`);
const attribute = (name: string, value: string | number | undefined) =>
  value === undefined ? "" : ` ${name}='${escaped(String(value))}'`;

const disk = (kind: Kind, letter: string) =>
  fc
    .record({
      driver: fc.constantFrom("qemu", "phy", "tap", undefined),
      format: fc.constantFrom("raw", "qcow2", "vhd", "qed"),
      discard: fc.constantFrom("unmap", "ignore", undefined),
      file: path,
      isDevice: fc.boolean(),
      isCdrom: fc.boolean(),
      readonly: fc.boolean(),
    })
    .map((d) => {
      const dev = kind === "hvm" ? `hd${letter}` : `xvd${letter}`;
      const isDevice = d.isDevice && (d.driver === "phy" || d.driver === undefined);
      const source = isDevice ? `<source dev='/dev/vg/${letter}'/>` : `<source${attribute("file", d.file)}/>`;
      const driver = `<driver${attribute("name", d.driver)} type='${d.format}'${attribute("discard", d.discard)}/>`;
      const device = d.isCdrom ? "cdrom" : "disk";
      return `<disk type='${isDevice ? "block" : "file"}' device='${device}'>${driver}${source}<target dev='${dev}' bus='${kind === "hvm" ? "ide" : "xen"}'/>${d.readonly ? "<readonly/>" : ""}</disk>`;
    });

const card = fc
  .record({
    mac: maybe(mac),
    bridge: maybe(word),
    script: maybe(word),
    ip: maybe(fc.ipV4()),
    model: maybe(word),
    name: maybe(word),
    kib: maybe(fc.integer({ min: 1, max: 1e6 })),
    mtu: maybe(fc.integer({ min: 68, max: 9000 })),
  })
  .map((n) => {
    const parts = [
      n.mac === undefined ? "" : `<mac address='${n.mac}'/>`,
      n.bridge === undefined ? "" : `<source bridge='${n.bridge}'/>`,
      n.script === undefined ? "" : `<script path='${n.script}'/>`,
      n.ip === undefined ? "" : `<ip address='${n.ip}' family='ipv4'/>`,
      n.model === undefined ? "" : `<model type='${n.model}'/>`,
      n.name === undefined ? "" : `<target dev='${n.name}'/>`,
      n.kib === undefined ? "" : `<bandwidth><outbound average='${n.kib}'/></bandwidth>`,
      n.mtu === undefined ? "" : `<mtu size='${n.mtu}'/>`,
    ];
    return `<interface type='${n.bridge === undefined ? "ethernet" : "bridge"}'>${parts.join("")}</interface>`;
  });

const serial = fc
  .oneof(
    fc.constantFrom("<serial type='pty'>", "<serial type='null'>"),
    word.map((name) => `<serial type='file'><source path='/var/log/${name}'/>`),
    fc
      .record({
        host: fc.ipV4(),
        service: fc.integer({ min: 1, max: 65535 }),
        mode: fc.constantFrom("bind", "connect"),
        protocol: fc.constantFrom("raw", "telnet"),
      })
      .map(
        (t) =>
          `<serial type='tcp'><source mode='${t.mode}' host='${t.host}' service='${t.service}'/><protocol type='${t.protocol}'/>`,
      ),
    word.map((name) => `<serial type='unix'><source mode='bind' path='/run/${name}'/>`),
  )
  .map((start) => (port: number) => `${start}<target port='${port}'/></serial>`);

const screen = fc.oneof(
  fc.constant(""),
  fc
    .record({
      port: fc.constantFrom(-1, 5900, 5999),
      listen: maybe(fc.ipV4()),
      passwd: maybe(word),
      keymap: maybe(word),
    })
    .map(
      (v) =>
        `<graphics type='vnc' port='${v.port}'${attribute("listen", v.listen)}${attribute("passwd", v.passwd)}${attribute("keymap", v.keymap)}/>`,
    ),
);

const clock = (kind: Kind) =>
  fc
    .record({
      offset:
        kind === "hvm"
          ? fc.oneof(
              fc.constantFrom("offset='utc'", "offset='localtime'"),
              fc
                .integer({ min: -86400, max: 86400 })
                .map((s) => `offset='variable' adjustment='${s}' basis='utc'`),
            )
          : fc.constantFrom("offset='utc'", "offset='localtime'", "offset='utc' adjustment='reset'"),
      tsc: maybe(fc.constantFrom("auto", "native", "emulate", "paravirt")),
    })
    .map(
      (c) =>
        `<clock ${c.offset}>${c.tsc === undefined ? "" : `<timer name='tsc' present='yes' mode='${c.tsc}'/>`}</clock>`,
    );

const guest: fc.Arbitrary<DomainDefinition> = fc.constantFrom<Kind>("hvm", "linux", "xenpvh").chain((kind) =>
  fc
    .record({
      name: word,
      mib: fc.integer({ min: 1, max: 4096 }),
      vcpus: fc.integer({ min: 1, max: 16 }),
      pins: fc.array(fc.integer({ min: 0, max: 63 }), { maxLength: 2 }),
      cmdline: path,
      clock: clock(kind),
      disks: fc.tuple(...["a", "b", "c"].map((letter) => maybe(disk(kind, letter)))),
      cards: fc.array(card, { maxLength: 3 }),
      serials: fc.array(serial, { maxLength: kind === "hvm" ? 3 : 0 }),
      screen,
      onCrash: fc.constantFrom("destroy", "restart", "preserve", "coredump-destroy", "rename-restart"),
    })
    .map((g) => {
      const tune = g.pins
        .filter((_, vcpu) => vcpu < g.vcpus)
        .map((cpu, vcpu) => `<vcpupin vcpu='${vcpu}' cpuset='${cpu}'/>`);
      return parseDomain(`<domain type='xen'><name>${g.name}</name><memory unit='MiB'>${g.mib}</memory>
        <vcpu>${g.vcpus}</vcpu>${tune.length === 0 ? "" : `<cputune>${tune.join("")}</cputune>`}
        <os><type>${kind}</type><kernel>/boot/k</kernel><cmdline>${escaped(g.cmdline)}</cmdline></os>
        ${g.clock}<on_crash>${g.onCrash}</on_crash>
        <devices>${g.disks.join("")}${g.cards.join("")}${g.serials.map((s, port) => s(port)).join("")}${g.screen}</devices></domain>`);
    }),
);

const TEXTS = ["0", "1", "7", "a", "/a", "0x1", "1.2", "a,b", "00:16:3e:00:00:01", "0-3", "-1"];

function textsOf(shape: RegExp): readonly string[] {
  const found = TEXTS.filter((text) => new RegExp(`^(?:${shape.source})$`).test(text));
  return found.length > 0 ? found : fc.sample(fc.stringMatching(shape), { numRuns: 3, seed: 1 });
}

/** Anything that the model of documents lets a guest of Xen have, some of it at a time; most of it Xen has not. */
const madeUp = fc.nat().map((seed) => {
  const kind = ["hvm", "linux", "xenpvh"][seed % 3] ?? "";
  const chosen = (one: XmlTree | string, i: number, of: number): one is XmlTree =>
    typeof one === "object" && (seed + i) % of === 0;
  const children = madeUpXml("domain", domainSchema, seed, textsOf).children.flatMap((child, i) => {
    if (typeof child === "string" || ["name", "os", "memory"].includes(child.name)) return [];
    if (child.name !== "devices") return chosen(child, i, 9) ? [child] : [];
    return [{ ...child, children: child.children.filter((device, n) => chosen(device, n, 11)) }];
  });
  const parts = [
    element("name", "a"),
    element("memory", "65536"),
    element("os", element("type", kind)),
    ...children,
  ];
  const attributes = [{ name: "type", value: "xen" }, ...NAMESPACES];
  return writeXml({ name: "domain", attributes, children: parts });
});

const NAMESPACES = ["qemu", "lxc", "bhyve", "xen", "vmware"].map((prefix) => ({
  name: `xmlns:${prefix}`,
  value: `http://libvirt.org/schemas/domain/${prefix}/1.0`,
}));

function element(name: string, child: XmlTree | string): XmlTree {
  return { name, attributes: [], children: [child] };
}

describe("any guest at all", () => {
  it("is written, or refused as what it is", () => {
    fc.assert(
      fc.property(madeUp, fc.constantFrom(toXl, toXm), (xml, write) => {
        try {
          write(xml);
        } catch (e) {
          expect(VirtError.is(e) ? e.reason : e).toMatch(/^(XML_INVALID|CONFIG_UNSUPPORTED)$/);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("any guest that xl can have", () => {
  it("is in its file as a whole, and the same once it was read and written again", () => {
    fc.assert(
      fc.property(guest, (definition) => {
        // Refuses what it would lose.
        const text = xlConfig(definition);
        const read = xlDefinition(text);
        expect(xlDefinition(xlConfig(read))).toEqual(read);
        const again = parseDomain(formatDomain(read, { secure: true }));
        expect(completeXenDomain(again)).toEqual(read);
      }),
      { numRuns: 150 },
    );
  });
});
