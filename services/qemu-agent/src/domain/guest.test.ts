import { identified } from "@virtmesh/agent/guests/definition";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { Guest } from "./guest.ts";

describe("a guest whose CPUs were to stand still", () => {
  it("may go on in its next run: what held it ended with the run before, by which it went to another host", async () => {
    const guest = new Guest(
      identified(
        parseDomain(
          "<domain type='qemu'><name>web</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid><memory>1</memory><os><type>hvm</type></os></domain>",
        ),
      ),
    );
    guest.standStill();
    const held = guest.mayGoOn.then(() => "goes on");
    guest.instance = undefined;
    expect(await held).toBe("goes on");
  });
});
