import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority } from "./authority.ts";

const HOUR_MS = 3_600_000;

describe("a certificate of the mesh's own authority", () => {
  it("is good on a host whose clock is hours behind, and so is the authority's", async () => {
    const dir = await mkdtemp(join(tmpdir(), "authority-"));
    try {
      const authority = await Authority.make(join(dir, "ca"));
      const host = await authority.host("host-a", "agent", ["10.0.0.1"]);
      const read = async (file: string) => new X509Certificate(await readFile(join(host, file)));
      const [ca, cert] = await Promise.all([read("ca.pem"), read("cert.pem")]);
      expect(cert.verify(ca.publicKey)).toBe(true);
      for (const { validFromDate } of [ca, cert])
        expect(validFromDate.getTime()).toBeLessThan(Date.now() - 12 * HOUR_MS);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
