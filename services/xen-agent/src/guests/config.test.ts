import { parseDomain } from "@virtmesh/documents/domain/document";
import { configOf } from "./config.ts";

const xml = (type: string, more = ""): string =>
  `<domain type='${type}'><name>web</name><memory unit='MiB'>96</memory><os><type>linux</type><kernel>/k</kernel></os>${more}</domain>`;

describe("the file that a guest is started with", () => {
  it("is that of its definition", () => {
    expect(configOf(parseDomain(xml("xen")))).toContain('name = "web"\n');
  });

  it("says nothing of processors of which a guest has all", () => {
    const all = parseDomain(xml("xen", "<vcpu current='2'>2</vcpu>"));
    expect(configOf(all)).toContain("vcpus = 2\n");
  });

  it("is refused for guests of other hypervisors, and for an end that Xen cannot be told", () => {
    const refused = (path: string) =>
      expect.objectContaining({ reason: "CONFIG_UNSUPPORTED", message: expect.stringContaining(path) });
    expect(() => configOf(parseDomain(xml("kvm")))).toThrow(refused("/domain/@type"));
    const renamed = "<on_crash>rename-restart</on_crash>";
    expect(() => configOf(parseDomain(xml("xen", renamed)))).toThrow(refused("/domain/on_crash"));
  });
});
