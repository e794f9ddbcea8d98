import { chardevOption } from "./chardev-option.ts";

describe("a character device in the words of -chardev", () => {
  it.each<[string, string, Parameters<typeof chardevOption>[0]["backend"]["data"]]>([
    [
      "socket,id=c,path=/a,,b,server=on,wait=off",
      "socket",
      { addr: { type: "unix", data: { path: "/a,b" } }, server: true, wait: false },
    ],
    ["socket,id=c,fd=7,server=on", "socket", { addr: { type: "fd", data: { str: "7" } }, server: true }],
    [
      "socket,id=c,host=::1,port=9,telnet=on",
      "socket",
      { addr: { type: "inet", data: { host: "::1", port: "9" } }, telnet: true },
    ],
    [
      "udp,id=c,host=a,port=1,localaddr=b,localport=2",
      "udp",
      {
        remote: { type: "inet", data: { host: "a", port: "1" } },
        local: { type: "inet", data: { host: "b", port: "2" } },
      },
    ],
    ["file,id=c,path=/x,append=on,logfile=/l", "file", { out: "/x", append: true, logfile: "/l" }],
    ["serial,id=c,path=/dev/ttyS0", "serial", { device: "/dev/ttyS0" }],
    ["spiceport,id=c,name=org.x", "spiceport", { fqdn: "org.x" }],
    ["null,id=c", "null", { logfile: undefined }],
  ])("%s", (expected, type, data) => {
    expect(chardevOption({ id: "c", backend: { type, data } })).toBe(expected);
  });
});
