import { parseGuestCpu } from "../cpu/document.ts";
import { parseNetworkPort } from "../network-port/document.ts";
import { parseSecret } from "../secret/document.ts";
import { refuses } from "../testing/refusal-table.ts";
import { parseNodeDevice, requestedNodeDevice } from "./document.ts";

describe("other documents of a host are refused with", () => {
  const port = "<networkport><uuid>5d744f21-ba4a-4d6e-bdb2-30a35ff3207d</uuid>";
  refuses(parseSecret, [
    [
      "a secret for something unknown",
      "<secret><usage type='door'/></secret>",
      "one of volume, ceph, iscsi, tls, vtpm",
    ],
    ["a secret of nobody", "<secret><usage type='ceph'/></secret>", "has no element <name>"],
  ]);
  refuses(parseNetworkPort, [["a port of nobody", `${port}</networkport>`, "has no element <owner>"]]);
  refuses(parseNodeDevice, [
    ["a device that is nothing", "<device><name>d</name></device>", "nothing says what the device is"],
    [
      "a number beyond the last",
      "<device><name>d</name><capability type='ccw'><cssid>0x0</cssid><ssid>0x0</ssid><devno>0x10000</devno></capability></device>",
      "0xffff",
    ],
  ]);
  refuses(parseGuestCpu, [
    ["a feature twice", "<cpu><feature name='a'/><feature name='a'/></cpu>", "/cpu/feature[2]"],
  ]);
});

describe("a device of a host that is asked for", () => {
  it("says nothing that only the kernel knows", () => {
    const adapter = `<device><name>h</name><capability type='scsi_host'><host>1</host>
      <capability type='vport_ops'><max_vports>254</max_vports><vports>3</vports></capability></capability></device>`;
    expect(requestedNodeDevice(parseNodeDevice(adapter)).capabilities).toMatchObject([
      { virtualPorts: { max: 0, count: 0 } },
    ]);
  });
});
