import { parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { configOf } from "./config.ts";

const xml = (type: string, more = ""): string =>
  `<domain type='${type}'><name>web</name><memory unit='MiB'>96</memory><os><type>linux</type><kernel>/k</kernel></os>${more}</domain>`;

const config = (definition: DomainDefinition, nodes = 1) => configOf(definition, { nodes });

describe("the file that a guest is started with", () => {
  it("is that of its definition", () => {
    expect(config(parseDomain(xml("xen")))).toContain('name = "web"\n');
  });

  it("says nothing of processors of which a guest has all", () => {
    const all = parseDomain(xml("xen", "<vcpu current='2'>2</vcpu>"));
    expect(config(all)).toContain("vcpus = 2\n");
  });

  it("puts a guest's nodes of memory on those of the host, and all on its first when it has not as many", () => {
    const cell = (id: number) => `<cell id='${id}' cpus='${id}' memory='48' unit='MiB'/>`;
    const numa = parseDomain(xml("xen", `<vcpu>2</vcpu><cpu><numa>${cell(0)}${cell(1)}</numa></cpu>`));
    expect([...config(numa, 2).matchAll(/pnode=(\d)/g)].map(([, node]) => node)).toEqual(["0", "1"]);
    expect([...config(numa, 1).matchAll(/pnode=(\d)/g)].map(([, node]) => node)).toEqual(["0", "0"]);
  });

  it("is refused for guests of other hypervisors, and for an end that Xen cannot be told", () => {
    const refused = (path: string) =>
      expect.objectContaining({ reason: "CONFIG_UNSUPPORTED", message: expect.stringContaining(path) });
    expect(() => config(parseDomain(xml("kvm")))).toThrow(refused("/domain/@type"));
    const renamed = "<on_crash>rename-restart</on_crash>";
    expect(() => config(parseDomain(xml("xen", renamed)))).toThrow(refused("/domain/on_crash"));
  });
});
