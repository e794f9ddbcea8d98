import { X509Certificate } from "node:crypto";
import { TestAuthority } from "./fixture.ts";
import { peerIdentity, tlsFrom } from "./tls.ts";

describe("the identity in a certificate", () => {
  it("is host and role from the mesh's URI name", () => {
    const subjectaltname = "DNS:host-a, URI:spiffe://virtmesh/host/host-a/agent";
    expect(peerIdentity({ subject: { CN: "x" }, subjectaltname })).toEqual({
      name: "host/host-a/agent",
      host: "host-a",
      role: "agent",
    });
  });

  it("is the common name for others", () => {
    expect(peerIdentity({ subject: { CN: "alice" }, subjectaltname: "DNS:laptop" })).toEqual({
      name: "alice",
    });
  });

  it("is unknown when there is neither", () => {
    expect(peerIdentity({ subject: {}, subjectaltname: "DNS:laptop" })).toBeUndefined();
  });

  it("does not come out of a DNS name that is written like a URI entry", async () => {
    await using authority = await TestAuthority.create();
    const { cert } = await authority.issue(
      "mallory",
      "otherName:1.2.3.4;UTF8:x,dirName:trick\n[trick]\nCN=a\\, URI:spiffe://virtmesh/host/host-a/agent",
    );
    const subjectaltname = new X509Certificate(cert).subjectAltName;
    expect(subjectaltname).toContain("spiffe://virtmesh/host/host-a/agent");
    expect(peerIdentity({ subject: { CN: "mallory" }, subjectaltname: subjectaltname ?? "" })).toEqual({
      name: "mallory",
    });
  });

  it("is refused when the host in it is not a host name", () => {
    const subjectaltname = "URI:spiffe://virtmesh/host/a.b/agent";
    expect(() => peerIdentity({ subject: {}, subjectaltname })).toThrow("names no valid host");
  });
});

describe("tlsFrom", () => {
  it("reads the three files of a directory", async () => {
    await using authority = await TestAuthority.create();
    const files = await authority.issue("host-a", "DNS:host-a");
    expect(await authority.stored(files)).toEqual(files);
  });

  it("names the file that is missing", async () => {
    await expect(tlsFrom("/nonexistent")).rejects.toThrow(/^cannot read \/nonexistent\/(ca|cert|key)\.pem, /);
  });
});
