import { checkUri } from "./uris.ts";

const served = ["qemu://host-a/system"];
const check = (uri: string): void => checkUri(uri, "host-a", served);

describe("the URI of a request", () => {
  it.each([
    "qemu://host-a/system",
    "qemu:///system",
    "qemu+tls://root@host-a:16514/system?x=1",
    "qemu://*/system",
    "*://host-a/*",
    "",
  ])("%s means this agent", (uri) => {
    expect(() => check(uri)).not.toThrow();
  });

  it.each([
    ["xen:///system", "UNKNOWN_SCHEME", "qemu://host-a/system"],
    ["qemu://host-b/system", "UNKNOWN_HOST", "host-b"],
    ["qemu:///session", "UNKNOWN_HOST", "path"],
    ["xen://*/system", "UNKNOWN_HOST", "does not cover"],
    ["nonsense", "INVALID_URI", "not a connection URI"],
  ])("%s is refused with %s", (uri, reason, said) => {
    expect(() => check(uri)).toThrow(expect.objectContaining({ reason }));
    expect(() => check(uri)).toThrow(said);
  });
});
