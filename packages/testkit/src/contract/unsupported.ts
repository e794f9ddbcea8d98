import { AgentServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { ConversionServiceService } from "@virtmesh/api/gen/virtmesh/v1/conversion";
import {
  AttachDeviceRequest,
  DetachDeviceRequest,
  DeviceServiceService,
  UpdateDeviceRequest,
} from "@virtmesh/api/gen/virtmesh/v1/device";
import { DiskMoveServiceService, MoveDiskRequest } from "@virtmesh/api/gen/virtmesh/v1/disk_move";
import { DomainServiceService, type OpenConsoleRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  GuestInfoServiceService,
  ListDomainAddressesRequest,
} from "@virtmesh/api/gen/virtmesh/v1/guest_info";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import { MigrateDomainRequest, MigrationServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration";
import {
  ResourceServiceService,
  SetMaxMemoryRequest,
  SetMemoryRequest,
  SetVcpusRequest,
} from "@virtmesh/api/gen/virtmesh/v1/resource";
import {
  ManagedSaveDomainRequest,
  RestoreDomainRequest,
  SavedStateServiceService,
  SaveDomainRequest,
} from "@virtmesh/api/gen/virtmesh/v1/saved_state";
import {
  CreateSnapshotRequest,
  DeleteSnapshotRequest,
  RevertSnapshotRequest,
  SnapshotServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/snapshot";
import {
  CreateVolumeRequest,
  DownloadVolumeRequest,
  ListVolumesRequest,
  ResizeVolumeRequest,
  StorageServiceService,
  UploadVolumeRequest,
} from "@virtmesh/api/gen/virtmesh/v1/storage";
import { freshName, Guests } from "./guests.ts";
import { type Subject, sharedSubject, type SubjectKind } from "./subject.ts";

const BEFORE_MS = 120_000;
const C = ConversionServiceService;
const D = DomainServiceService;
const R = ResourceServiceService;
const S = SnapshotServiceService;
const T = StorageServiceService;
const V = SavedStateServiceService;

/** How each optional method is asked for. */
const ASKED: Readonly<Record<string, (subject: Subject, domain: string) => Promise<unknown>>> = {
  "host.capabilities": ({ client, uri }) => client.unary(HostServiceService.getCapabilities, { uri }),
  "domains.register": ({ client, uri }) =>
    client.unary(D.registerDomain, { uri, requestId: "", path: "/none", name: "" }),
  "domains.create": ({ client, uri }) =>
    client.unary(D.createDomain, {
      uri,
      requestId: "",
      xml: "<domain/>",
      paused: false,
      validateOnly: false,
    }),
  "domains.shutdown": ({ client, uri }, domain) =>
    client.unary(D.shutdownDomain, { uri, requestId: "", domain, timeout: undefined }),
  "domains.reboot": ({ client, uri }, domain) =>
    client.unary(D.rebootDomain, { uri, requestId: "", domain, timeout: undefined }),
  "domains.reset": ({ client, uri }, domain) => client.unary(D.resetDomain, { uri, requestId: "", domain }),
  "domains.suspend": ({ client, uri }, domain) =>
    client.unary(D.suspendDomain, { uri, requestId: "", domain }),
  "domains.resume": ({ client, uri }, domain) => client.unary(D.resumeDomain, { uri, requestId: "", domain }),
  "domains.setAutostart": ({ client, uri }, domain) =>
    client.unary(D.setAutostart, { uri, requestId: "", domain, autostart: true }),
  "domains.openConsole": ({ client, uri }, domain) => {
    async function* opening(): AsyncGenerator<OpenConsoleRequest> {
      yield { uri, domain, device: "", force: false, data: Buffer.alloc(0) };
    }
    return client.bidi(D.openConsole, opening(), new AbortController().signal).next();
  },
  "domains.screenshot": ({ client, uri }, domain) =>
    client.stream(D.takeScreenshot, { uri, domain, screen: 0 }, new AbortController().signal).next(),
  "devices.attach": ({ client, uri }, domain) =>
    client.unary(
      DeviceServiceService.attachDevice,
      AttachDeviceRequest.fromPartial({ uri, domain, xml: "<rng/>" }),
    ),
  "devices.detach": ({ client, uri }, domain) =>
    client.unary(
      DeviceServiceService.detachDevice,
      DetachDeviceRequest.fromPartial({ uri, domain, device: { $case: "target", value: "vda" } }),
    ),
  "devices.update": ({ client, uri }, domain) =>
    client.unary(
      DeviceServiceService.updateDevice,
      UpdateDeviceRequest.fromPartial({ uri, domain, xml: "<rng/>" }),
    ),
  "resources.setMemory": ({ client, uri }, domain) =>
    client.unary(R.setMemory, SetMemoryRequest.fromPartial({ uri, domain, memoryBytes: 1n << 20n })),
  "resources.setMaxMemory": ({ client, uri }, domain) =>
    client.unary(R.setMaxMemory, SetMaxMemoryRequest.fromPartial({ uri, domain, maxMemoryBytes: 1n << 20n })),
  "resources.setVcpus": ({ client, uri }, domain) =>
    client.unary(R.setVcpus, SetVcpusRequest.fromPartial({ uri, domain, vcpus: 1 })),
  "resources.setMaxVcpus": ({ client, uri }, domain) =>
    client.unary(R.setVcpus, SetVcpusRequest.fromPartial({ uri, domain, vcpus: 1, maximum: true })),
  "snapshots.list": ({ client, uri }, domain) => client.unary(S.listSnapshots, { uri, domain }),
  "snapshots.xml": ({ client, uri }, domain) =>
    client.unary(S.getSnapshotXml, { uri, domain, snapshot: "", secure: false }),
  "snapshots.create": ({ client, uri }, domain) =>
    client.unary(S.createSnapshot, CreateSnapshotRequest.fromPartial({ uri, domain })),
  "snapshots.revert": ({ client, uri }, domain) =>
    client.unary(S.revertSnapshot, RevertSnapshotRequest.fromPartial({ uri, domain })),
  "snapshots.delete": ({ client, uri }, domain) =>
    client.unary(S.deleteSnapshot, DeleteSnapshotRequest.fromPartial({ uri, domain })),
  "savedState.save": ({ client, uri }, domain) =>
    client.unary(V.saveDomain, SaveDomainRequest.fromPartial({ uri, domain, path: "/none" })),
  "savedState.inspect": ({ client, uri }) =>
    client.unary(V.getSavedState, { uri, path: "/none", secure: false }),
  "savedState.restore": ({ client, uri }) =>
    client.unary(V.restoreDomain, RestoreDomainRequest.fromPartial({ uri, path: "/none" })),
  "savedState.managedSave": ({ client, uri }, domain) =>
    client.unary(V.managedSaveDomain, ManagedSaveDomainRequest.fromPartial({ uri, domain })),
  "savedState.removeManaged": ({ client, uri }, domain) =>
    client.unary(V.removeManagedSave, { uri, requestId: "", domain }),
  "guestInfo.addresses": ({ client, uri }, domain) =>
    client.unary(
      GuestInfoServiceService.listDomainAddresses,
      ListDomainAddressesRequest.fromPartial({ uri, domain }),
    ),
  "guestInfo.system": ({ client, uri }, domain) =>
    client.unary(GuestInfoServiceService.getGuestInfo, { uri, domain }),
  "conversion.formats": ({ client, uri }) => client.unary(C.listFormats, { uri }),
  "conversion.fromNative": ({ client, uri }) =>
    client.unary(C.convertFromNative, { uri, format: "x", config: "x" }),
  "conversion.toNative": ({ client, uri }, domain) =>
    client.unary(C.convertToNative, { uri, format: "x", source: { $case: "domain", value: domain } }),
  "storage.pools": ({ client, uri }) =>
    client.unary(T.listPools, { uri, pageSize: 0, pageToken: "", filter: "" }),
  "storage.volumes": ({ client, uri }) =>
    client.unary(T.listVolumes, ListVolumesRequest.fromPartial({ uri, pool: "x" })),
  "storage.volume": ({ client, uri }) => client.unary(T.getVolume, { uri, pool: "x", volume: "x" }),
  "storage.create": ({ client, uri }) =>
    client.unary(
      T.createVolume,
      CreateVolumeRequest.fromPartial({ uri, pool: "x", name: "x", capacityBytes: 1n }),
    ),
  "storage.resize": ({ client, uri }) =>
    client.unary(
      T.resizeVolume,
      ResizeVolumeRequest.fromPartial({ uri, pool: "x", volume: "x", capacityBytes: 1n }),
    ),
  "storage.delete": ({ client, uri }) =>
    client.unary(T.deleteVolume, { uri, requestId: "", pool: "x", volume: "x" }),
  "storage.upload": ({ client, uri }) => {
    async function* sending(): AsyncGenerator<UploadVolumeRequest> {
      yield UploadVolumeRequest.fromPartial({ uri, pool: "x", volume: "x" });
    }
    return client.clientStream(T.uploadVolume, sending(), new AbortController().signal);
  },
  "storage.download": ({ client, uri }) =>
    client
      .stream(
        T.downloadVolume,
        DownloadVolumeRequest.fromPartial({ uri, pool: "x", volume: "x" }),
        new AbortController().signal,
      )
      .next(),
  "blockJobs.list": ({ client, uri }, domain) =>
    client.unary(BlockJobServiceService.listBlockJobs, { uri, domain }),
  "blockJobs.cancel": ({ client, uri }, domain) =>
    client.unary(BlockJobServiceService.cancelBlockJob, { uri, requestId: "", domain, job: "vda" }),
  "diskMoves.move": ({ client, uri }, domain) =>
    client.unary(
      DiskMoveServiceService.moveDisk,
      MoveDiskRequest.fromPartial({ uri, domain, disk: "vda", path: "/none/x" }),
    ),
  "migrationSource.open": ({ client, uri }, domain) =>
    client.unary(
      MigrationServiceService.migrateDomain,
      MigrateDomainRequest.fromPartial({
        uri,
        domain,
        destinationUri: uri.replace(/\/\/[^/]*/, "//elsewhere"),
        validateOnly: true,
      }),
    ),
};

/** What a driver lacks is said, by name, and nowhere promised. */
export function unsupportedContract(kind: SubjectKind): void {
  describe(`what a driver lacks (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const guests = new Guests(subject);
    // One guest for all: what is absent does nothing to it. It is gone before the subject is, which jest does inside out.
    describe("when a guest is asked", () => {
      const name = freshName();
      beforeAll(async () => {
        await guests.define(name);
        await guests.start(name);
      }, BEFORE_MS);
      afterAll(async () => guests.remove(name), BEFORE_MS);

      it.each(Object.entries(ASKED))("%s answers UNIMPLEMENTED when it is absent", async (method, asking) => {
        const { client, uri, support } = subject();
        const { methods } = await client.unary(AgentServiceService.getSupport, { uri });
        expect(methods.includes(method)).toBe(support.has(method));
        if (support.has(method)) return;
        await expect(asking(subject(), name)).rejects.toMatchObject({
          code: "UNIMPLEMENTED",
          message: expect.stringContaining(method.split(".")[0] ?? method),
        });
      });
    });
  });
}
