import { parseDomain } from "@virtmesh/documents/domain/document";
import { consoleNodes } from "./console-nodes.ts";

const nodes = (kind: string, devices: string) =>
  Object.fromEntries(
    consoleNodes(
      parseDomain(
        `<domain type='xen'><name>web</name><memory unit='MiB'>96</memory><os><type>${kind}</type></os><devices>${devices}</devices></domain>`,
      ),
    ),
  );

describe("consoles of guests of Xen", () => {
  it("are one of Xen's, where there is no hardware to have another", () => {
    expect(nodes("linux", "")).toEqual({ console0: "console/tty" });
    expect(nodes("xenpvh", "<console type='pty'/>")).toEqual({ console0: "console/tty" });
  });

  it("are the serial ports that end in a terminal, of guests with hardware", () => {
    expect(nodes("hvm", "")).toEqual({});
    expect(
      nodes(
        "hvm",
        "<serial type='null'/><serial type='pty'><target port='1'/></serial><serial type='pty'><target port='3'/></serial>",
      ),
    ).toEqual({ serial1: "serial/1/tty", serial3: "serial/3/tty" });
  });
});
