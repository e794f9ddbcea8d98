import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readHypervConfig } from "./config.ts";

const { signal } = new AbortController();
let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "virtmesh-hyperv-config-"));
  await writeFile(join(dir, "password"), "Secret 1 \nsecond line\n");
});
afterAll(() => rm(dir, { recursive: true }));

type Values = Parameters<typeof readHypervConfig>[0];

function read(more: Partial<Values>): ReturnType<typeof readHypervConfig> {
  const passwordFile = join(dir, "password");
  const given = { server: "hv-a", transport: "https", auth: "negotiate", user: "MESH\\agent", passwordFile };
  return readHypervConfig({ caFile: undefined, fingerprint: undefined, ...given, ...more }, signal);
}

describe("the flags of the hyperv-agent", () => {
  it("mean TLS at its port, and the first line of the password's file", async () => {
    expect(await read({})).toEqual({
      endpoint: { host: "hv-a", port: 5986, tls: true },
      credentials: { scheme: "negotiate", user: "MESH\\agent", password: "Secret 1 " },
    });
  });

  it.each([
    ["hv-a:1234", { host: "hv-a", port: 1234 }],
    ["[2001:db8::1]", { host: "2001:db8::1", port: 5985 }],
    ["[2001:db8::1]:1234", { host: "2001:db8::1", port: 1234 }],
  ])("name a server: %s", async (server, place) => {
    expect((await read({ server, transport: "http" })).endpoint).toEqual({ ...place, tls: false });
  });

  it.each<[string, Partial<Values>, RegExp]>([
    ["no server", { server: "" }, /--server .* name the Hyper-V host/],
    ["a transport there is not", { transport: "ftp" }, /--transport "ftp"/],
    ["a login there is not", { auth: "kerberos" }, /--auth "kerberos"/],
    ["a password in the clear", { auth: "basic", transport: "http" }, /in the clear; use https or negotiate/],
    ["a fingerprint that is none", { fingerprint: "ab:cd" }, /64 hexadecimal digits/],
    ["a password that is not there", { passwordFile: "/none/such" }, /--password-file cannot be read/],
  ])("are refused with %s", async (_, more, message) => {
    await expect(read(more)).rejects.toMatchObject({
      reason: "HOST_SETUP",
      message: expect.stringMatching(message),
    });
  });
});
