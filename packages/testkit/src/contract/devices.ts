import type { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  AttachDeviceRequest,
  DetachDeviceRequest,
  DeviceServiceService as D,
  UpdateDeviceRequest,
} from "@virtmesh/api/gen/virtmesh/v1/device";
import { freshName, Guests } from "./guests.ts";
import { change } from "./long-work.ts";
import { sharedSubject, type SubjectKind, supports } from "./subject.ts";

/** Devices that come, go and change. What a guest without a system lets go of differs, so this is about definitions. */
export function deviceContract(kind: SubjectKind): void {
  describe(`devices (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      await guests.define(name);
    });
    afterEach(async () => guests.remove(name));

    const attach = async (more: Partial<AttachDeviceRequest> = {}): Promise<Domain> => {
      const { uri } = subject();
      const xml = more.xml ?? (await subject().diskXml("vdb"));
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

    it("are attached to the definition and taken out of it again", async () => {
      if (!supports(subject(), "devices.attach") || !supports(subject(), "devices.detach")) return;
      const before = await guests.get(name);
      expect(targets(await attach({ config: true }))).toEqual(["vda", "vdb"]);
      expect(await guests.xml(name, { inactive: true })).toContain("vdb");
      const after = await detach({ $case: "target", value: "vdb" }, { config: true });
      expect(targets(after)).toEqual(["vda"]);
      expect(after.etag).toBe(before.etag);
    });

    it("go to the guest that runs when nothing is said, and not to its definition", async () => {
      if (!supports(subject(), "devices.attach")) return;
      await guests.start(name);
      expect(await attach()).toMatchObject({ updated: true });
      expect(targets(await guests.get(name))).toEqual(["vda", "vdb"]);
      expect(await guests.xml(name)).toContain("vdb");
      expect(await guests.xml(name, { inactive: true })).not.toContain("vdb");
    });

    it("go to both together when both are said", async () => {
      if (!supports(subject(), "devices.attach")) return;
      await guests.start(name);
      expect(targets(await attach({ live: true, config: true }))).toEqual(["vda", "vdb"]);
      expect(await guests.xml(name)).toContain("vdb");
      expect(await guests.xml(name, { inactive: true })).toContain("vdb");
    });

    it("are refused when there is one of that name, and then nothing is changed", async () => {
      if (!supports(subject(), "devices.attach")) return;
      const { etag } = await guests.get(name);
      const xml = await subject().diskXml("vda");
      await expect(attach({ config: true, xml })).rejects.toMatchObject({ reason: "DEVICE_EXISTS" });
      expect((await guests.get(name)).etag).toBe(etag);
    });

    it("are refused with the place of what is wrong", async () => {
      if (!supports(subject(), "devices.attach")) return;
      await expect(attach({ config: true, xml: "<disk" })).rejects.toMatchObject({ reason: "XML_SYNTAX" });
      await expect(attach({ config: true, xml: "<nonsense/>" })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(/nonsense.*line 1/),
      });
    });

    it("that are not there cannot be taken away", async () => {
      if (!supports(subject(), "devices.detach")) return;
      await expect(detach({ $case: "target", value: "vdx" }, { config: true })).rejects.toMatchObject({
        reason: "DEVICE_NOT_FOUND",
        code: "NOT_FOUND",
      });
    });

    it("of a guest that does not run cannot change live, and of a transient one not in the definition", async () => {
      if (!supports(subject(), "devices.attach")) return;
      await expect(attach({ live: true })).rejects.toMatchObject({ reason: "DOMAIN_NOT_RUNNING" });
      await guests.start(name);
      await guests.undefine(name);
      await expect(attach({ config: true })).rejects.toMatchObject({ reason: "DOMAIN_TRANSIENT" });
    });

    it("change where they are", async () => {
      const { uri } = subject();
      if (!supports(subject(), "devices.attach") || !supports(subject(), "devices.update")) return;
      await attach({ config: true });
      const xml = (await subject().diskXml("vdb")).replace("</disk>", "<serial>changed</serial></disk>");
      const request = UpdateDeviceRequest.fromPartial({ uri, domain: name, xml, config: true });
      await change(subject(), D.updateDevice, request);
      expect(await guests.xml(name, { inactive: true })).toContain("<serial>changed</serial>");
    });
  });
}
