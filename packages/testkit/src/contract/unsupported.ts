import { AgentServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { DomainServiceService, type OpenConsoleRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import { MigrateDomainRequest, MigrationServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { freshName, Guests } from "./guests.ts";
import { type Subject, sharedSubject, type SubjectKind } from "./subject.ts";

const D = DomainServiceService;

/** How each optional method is asked for. */
const ASKED: Readonly<Record<string, (subject: Subject, domain: string) => Promise<unknown>>> = {
  "host.capabilities": ({ client, uri }) => client.unary(HostServiceService.getCapabilities, { uri }),
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
  "blockJobs.list": ({ client, uri }, domain) =>
    client.unary(BlockJobServiceService.listBlockJobs, { uri, domain }),
  "blockJobs.cancel": ({ client, uri }, domain) =>
    client.unary(BlockJobServiceService.cancelBlockJob, { uri, requestId: "", domain, job: "vda" }),
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

    it.each(Object.entries(ASKED))("%s answers UNIMPLEMENTED when it is absent", async (method, asking) => {
      const { client, uri, support } = subject();
      const { methods } = await client.unary(AgentServiceService.getSupport, { uri });
      expect(methods.includes(method)).toBe(support.has(method));
      if (support.has(method)) return;
      const name = freshName();
      await guests.define(name);
      await guests.start(name);
      try {
        await expect(asking(subject(), name)).rejects.toMatchObject({
          code: "UNIMPLEMENTED",
          message: expect.stringContaining(method.split(".")[0] ?? method),
        });
      } finally {
        await guests.remove(name);
      }
    });
  });
}
