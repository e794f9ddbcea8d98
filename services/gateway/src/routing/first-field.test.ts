import {
  ListDomainStatsRequest,
  OpenConsoleRequest,
  StartDomainRequest,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { GetMigrationRequest } from "@virtmesh/api/gen/virtmesh/v1/migration";
import fc from "fast-check";
import { readUri } from "./first-field.ts";

describe("readUri", () => {
  it("reads the URI of any request that the generated code writes", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.string(),
        fc.uint8Array({ maxLength: 400 }),
        (uri, domain, data) => {
          const request = OpenConsoleRequest.fromPartial({
            uri,
            domain,
            force: true,
            data: Buffer.from(data),
          });
          expect(readUri(OpenConsoleRequest.encode(request).finish())).toBe(uri);
        },
      ),
    );
  });

  it("reads a URI of more than 127 bytes", () => {
    const uri = `qemu://${"h".repeat(200)}/system`;
    expect(readUri(GetMigrationRequest.encode({ uri, id: "1" }).finish())).toBe(uri);
  });

  it("finds the URI behind other fields, as any encoder may put it", () => {
    const rest = ListDomainStatsRequest.encode(
      ListDomainStatsRequest.fromPartial({ domains: ["a"], pageSize: 7 }),
    ).finish();
    const uri = StartDomainRequest.encode(
      StartDomainRequest.fromPartial({ uri: "test:///default" }),
    ).finish();
    expect(readUri(Buffer.concat([rest, uri]))).toBe("test:///default");
  });

  it("takes the last of two, as protobuf does", () => {
    const one = GetMigrationRequest.encode({ uri: "test://host-a/default", id: "" }).finish();
    const two = GetMigrationRequest.encode({ uri: "test://host-b/default", id: "" }).finish();
    const both = Buffer.concat([one, two]);
    expect(GetMigrationRequest.decode(both).uri).toBe("test://host-b/default");
    expect(readUri(both)).toBe("test://host-b/default");
  });

  it("answers an empty URI for an empty request", () => {
    expect(readUri(Buffer.alloc(0))).toBe("");
  });

  it("refuses bytes that are no message, and never reads outside of them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          expect(typeof readUri(bytes)).toBe("string");
        } catch (e) {
          expect(e).toMatchObject({ reason: "PROTOCOL" });
        }
      }),
    );
  });
});
