import type { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  AttachDeviceRequest,
  DetachDeviceRequest,
  DeviceServiceService as D,
  UpdateDeviceRequest,
} from "@virtmesh/api/gen/virtmesh/v1/device";
import { freshName, Guests } from "./guests.ts";
import { change } from "./long-work.ts";
import { needing, sharedSubject, type SubjectKind, without } from "./subject.ts";

/** Devices that come, go and change. What a guest without a system lets go of differs, so this is about definitions. */
export function deviceContract(kind: SubjectKind): void {
  describe(`devices (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      await guests.define(name);
    });
    afterEach(async () => guests.remove(name));

    const attach = async (more: Partial<AttachDeviceRequest> = {}): Promise<Domain> => {
      const { uri } = subject();
      const xml = more.xml ?? (await subject().diskXml(subject().disks.second));
      return await change(
        subject(),
        D.attachDevice,
        AttachDeviceRequest.fromPartial({ uri, domain: name, ...more, xml }),
      );
    };
    const detach = (
      device: NonNullable<DetachDeviceRequest["device"]>,
      more: Partial<DetachDeviceRequest> = {},
    ): Promise<Domain> => {
      const { uri } = subject();
      const request = DetachDeviceRequest.fromPartial({ uri, domain: name, ...more, device });
      return change(subject(), D.detachDevice, request);
    };
    const targets = (domain: Domain): string[] => domain.disks.map((disk) => disk.target).sort();

    needs("devices.attach", "devices.detach")(
      "are attached to the definition and taken out of it again",
      async () => {
        const { first, second } = subject().disks;
        const before = await guests.get(name);
        expect(targets(await attach({ config: true }))).toEqual([first, second]);
        expect(await guests.xml(name, { inactive: true })).toContain(second);
        const after = await detach({ $case: "target", value: second }, { config: true });
        expect(targets(after)).toEqual([first]);
        expect(after.etag).toBe(before.etag);
      },
    );

    needs("devices.attach", "domains.nextDefinition")(
      "go to the guest that runs when nothing is said, and not to its definition",
      async () => {
        const { first, second } = subject().disks;
        await guests.start(name);
        expect(await attach()).toMatchObject({ updated: true });
        expect(targets(await guests.get(name))).toEqual([first, second]);
        expect(await guests.xml(name)).toContain(second);
        expect(await guests.xml(name, { inactive: true })).not.toContain(second);
      },
    );

    needs("devices.attach", without("domains.nextDefinition"))(
      "go to the guest that runs and with that to its definition",
      async () => {
        const { first, second } = subject().disks;
        await guests.start(name);
        expect(await attach()).toMatchObject({ updated: false });
        expect(targets(await guests.get(name))).toEqual([first, second]);
        expect(await guests.xml(name, { inactive: true })).toContain(second);
      },
    );

    needs("devices.attach")("go to both together when both are said", async () => {
      const { first, second } = subject().disks;
      await guests.start(name);
      expect(targets(await attach({ live: true, config: true }))).toEqual([first, second]);
      expect(await guests.xml(name)).toContain(second);
      expect(await guests.xml(name, { inactive: true })).toContain(second);
    });

    needs("devices.attach")(
      "are refused when there is one of that name, and then nothing is changed",
      async () => {
        const { etag } = await guests.get(name);
        const xml = await subject().diskXml(subject().disks.first);
        await expect(attach({ config: true, xml })).rejects.toMatchObject({ reason: "DEVICE_EXISTS" });
        expect((await guests.get(name)).etag).toBe(etag);
      },
    );

    needs("devices.attach")("are refused with the place of what is wrong", async () => {
      await expect(attach({ config: true, xml: "<disk" })).rejects.toMatchObject({ reason: "XML_SYNTAX" });
      await expect(attach({ config: true, xml: "<nonsense/>" })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(/nonsense.*line 1/),
      });
    });

    needs("devices.detach")("that are not there cannot be taken away", async () => {
      await expect(
        detach({ $case: "target", value: subject().disks.second }, { config: true }),
      ).rejects.toMatchObject({
        reason: "DEVICE_NOT_FOUND",
        code: "NOT_FOUND",
      });
    });

    needs("devices.attach")("of a guest that does not run cannot change live", async () => {
      await expect(attach({ live: true })).rejects.toMatchObject({ reason: "DOMAIN_NOT_RUNNING" });
    });

    needs("devices.attach", "domains.create")(
      "of a transient guest cannot change in its definition",
      async () => {
        await guests.start(name);
        await guests.undefine(name);
        await expect(attach({ config: true })).rejects.toMatchObject({ reason: "DOMAIN_TRANSIENT" });
      },
    );

    needs("devices.attach", "devices.update")("change where they are", async () => {
      const { uri } = subject();
      const { before, after, shows } = await subject().deviceChange();
      await attach({ xml: before, config: true });
      expect(await guests.xml(name, { inactive: true })).not.toContain(shows);
      const request = UpdateDeviceRequest.fromPartial({ uri, domain: name, xml: after, config: true });
      await change(subject(), D.updateDevice, request);
      expect(await guests.xml(name, { inactive: true })).toContain(shows);
    });
  });
}
