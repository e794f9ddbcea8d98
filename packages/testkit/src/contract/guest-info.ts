import { AddressSource, GuestInfoServiceService as G } from "@virtmesh/api/gen/virtmesh/v1/guest_info";
import { ConversionServiceService as C } from "@virtmesh/api/gen/virtmesh/v1/conversion";
import { freshName, Guests } from "./guests.ts";
import { needing, sharedSubject, type SubjectKind } from "./subject.ts";

/** What is known of the system in a guest, and the other form a definition can have. */
export function guestInfoContract(kind: SubjectKind): void {
  describe(`what guests are (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      await guests.define(name);
    });
    afterEach(async () => guests.remove(name));

    const OFF = { reason: "DOMAIN_NOT_RUNNING", code: "FAILED_PRECONDITION" };

    needs("guestInfo.addresses")("has no addresses that are known when it does not run", async () => {
      const { client, uri } = subject();
      const source = AddressSource.ADDRESS_SOURCE_UNSPECIFIED;
      await expect(client.unary(G.listDomainAddresses, { uri, domain: name, source })).rejects.toMatchObject(
        OFF,
      );
    });

    needs("guestInfo.system")("has no system that is known when it does not run", async () => {
      const { client, uri } = subject();
      await expect(client.unary(G.getGuestInfo, { uri, domain: name })).rejects.toMatchObject(OFF);
    });

    needs("conversion.toNative", "conversion.fromNative")(
      "can be said in the hypervisor's own form and back",
      async () => {
        const { client, uri } = subject();
        const { formats } = await client.unary(C.listFormats, { uri });
        for (const { name: format } of formats.filter((f) => f.canRead && f.canWrite)) {
          const source = { $case: "domain", value: name } as const;
          const { config } = await client.unary(C.convertToNative, { uri, format, source });
          expect(config).toContain(name);
          const { xml } = await client.unary(C.convertFromNative, { uri, format, config });
          expect(xml).toContain(`<name>${name}</name>`);
        }
      },
    );

    needs("conversion.fromNative")("is not said in a form that there is not", async () => {
      const { client, uri } = subject();
      await expect(
        client.unary(C.convertFromNative, { uri, format: "none-such", config: "x" }),
      ).rejects.toMatchObject({ reason: "INVALID_FIELD", message: expect.stringContaining("there is") });
    });
  });
}
