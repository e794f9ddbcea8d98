import { minimal } from "../testing/domains.ts";
import { formatDomain, parseDomain } from "./document.ts";
import type { DomainForm } from "./document.ts";

const written = (devices: string, form: DomainForm, inside = "") =>
  formatDomain(parseDomain(minimal(inside, devices)), form);

const network = (dev: string, source: string, rest = "") =>
  `<disk type='network'><source protocol='https' name='/a' ${source}</source>${rest}<target dev='${dev}'/></disk>`;
const cookies = "<cookies><cookie name='c'>s3cret</cookie></cookies>";
const backing = `<backingStore type='network' index='4'><format type='raw'/><source protocol='http' name='/b' index='9'><host name='h'/>${cookies}</source><backingStore/></backingStore>`;

describe("a form for everybody", () => {
  it.each([
    [
      "passwords of screens",
      "<graphics type='vnc' passwd='s3cret'/><graphics type='spice' passwd='s3cret'/>",
    ],
    ["cookies for images", network("vda", `><host name='h'/>${cookies}`)],
    ["cookies for images below them", network("vda", "><host name='h'/>", backing)],
  ])("has no %s", (_, devices) => {
    expect(written(devices, { secure: true })).toContain("s3cret");
    expect(written(devices, {})).not.toContain("s3cret");
    expect(written(devices, { migratable: true })).toContain("s3cret");
  });

  it("has everything else", () => {
    const devices = network("vda", "><host name='h'/>", backing);
    expect(written(devices, {})).toBe(
      written(devices, { secure: true }).replaceAll(/ *<cookies>[^]*?<\/cookies>\n/g, ""),
    );
  });
});

describe("a form to start from", () => {
  it.each([
    ["numbers and nodes of images", network("vda", "index='1'><host name='h'/>", backing), /index=/],
    [
      "nodes of images",
      "<disk type='file'><source file='/a'><privateData><nodenames><nodename type='format' name='n'/></nodenames></privateData></source><target dev='vda'/></disk>",
      /privateData/,
    ],
    [
      "copies that are being made",
      "<disk type='file'><source file='/a'/><mirror file='/c' job='copy'/><target dev='vda'/></disk>",
      /mirror/,
    ],
    [
      "what a network gave",
      "<interface type='network'><source network='n' portid='p' bridge='virbr0'/><actual type='bridge'><source bridge='virbr0'/></actual></interface>",
      /portid|bridge=|actual/,
    ],
    [
      "ports that were chosen",
      "<graphics type='vnc' autoport='yes' port='5907' websocket='5707' websocketGenerated='yes'/>",
      /5907|5707|Generated/,
    ],
    [
      "devices that are away",
      "<hostdev type='usb'><source missing='yes'><vendor id='0x1234'/><product id='0x1'/></source></hostdev>",
      /missing/,
    ],
    [
      "how far memory has grown",
      "<memory model='virtio-mem'><target><size>4096</size><block>2048</block><requested>2048</requested><current>2048</current></target></memory>",
      /<current /,
    ],
  ])("has no %s", (_, devices, what) => {
    const inside = devices.includes("virtio-mem")
      ? "<maxMemory slots='1' unit='GiB'>1</maxMemory><cpu><numa><cell id='0' memory='65536'/></numa></cpu>"
      : "";
    expect(written(devices, { secure: true }, inside)).toMatch(what);
    expect(written(devices, { inactive: true }, inside)).not.toMatch(what);
  });

  it("has no names of groups of the host's resources", () => {
    const tune =
      "<cputune><cachetune vcpus='0' id='vcpus_0'><cache id='0' level='3' type='both' size='3' unit='MiB'/></cachetune></cputune>";
    expect(written("", { inactive: true }, tune)).not.toContain("vcpus_0");
  });
});

describe("a form for another host", () => {
  it.each([
    [
      "listeners of this host's settings",
      "<graphics type='vnc' listen='10.0.0.1'><listen type='address' address='10.0.0.1' fromConfig='1'/></graphics>",
      /10\.0\.0\.1/,
    ],
    [
      "TLS of this host's settings",
      "<serial type='tcp'><source host='h' service='1' tls='yes' tlsFromConfig='1'/></serial>",
      /tls/,
    ],
    [
      "TLS for images of this host's settings",
      network("vda", "tls='yes' tlsFromConfig='1'><host name='h'/>"),
      /tls/,
    ],
    [
      "the socket of this host's keeper of reservations",
      "<disk type='block' device='lun'><source dev='/dev/a'><reservations managed='yes'><source type='unix' path='/pr.sock'/></reservations></source><target dev='sda'/></disk>",
      /pr\.sock/,
    ],
  ])("has no %s", (_, devices, what) => {
    expect(written(devices, { inactive: true })).toMatch(what);
    expect(written(devices, { migratable: true })).not.toMatch(what);
  });

  it("has what the user chose", () => {
    const devices = `<graphics type='vnc' port='5901' listen='10.0.0.1'><listen type='address' address='10.0.0.1'/></graphics>${network("vda", "tls='yes'><host name='h'/>")}`;
    expect(written(devices, { migratable: true })).toBe(written(devices, { inactive: true }));
  });
});
