import { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import * as wire from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import { bidi, serverStream, unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { toWireDomain } from "../convert/domain.ts";
import type { AnswerCodec } from "../requests/memory.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain, placeOf } from "./context.ts";
import { askDomain } from "./domain-asks.ts";
import { changeDomain, createDomain, defineDomain, destroyDomain, undefineDomain } from "./domain-changes.ts";
import { getDomainXml, listDomains, listStats } from "./domain-reads.ts";
import { openConsole, takeScreenshot } from "./domain-streams.ts";
import { DOMAIN_SERVICE_WITH_ENCODED_STATS, encodeStats } from "./stats-codec.ts";

/** What every request that changes something has. */
interface ChangeRequest {
  readonly uri: string;
  readonly requestId: string;
}

const methods = wire.DomainServiceService;

export function domainService(c: ServiceContext): ServedService {
  const { driver } = c;

  /** A method that changes something: for this agent, and remembered by its request id. */
  const change = <Req extends ChangeRequest, Res>(
    method: { readonly path: string; readonly requestSerialize: (request: Req) => Buffer },
    answer: AnswerCodec<Res>,
    work: (request: Req, call: Call) => Promise<Res>,
  ) =>
    unary((request: Req, call: Call): Promise<Res> => {
      c.checkUri(request.uri);
      const { requestId } = request;
      const body = requestId === "" ? Buffer.alloc(0) : method.requestSerialize(request);
      return c.requests.once({ requestId, method: method.path, actor: call.actor, body }, answer, () =>
        work(request, call),
      );
    });

  return {
    definition: DOMAIN_SERVICE_WITH_ENCODED_STATS,
    implementation: {
      listDomains: unary((request: wire.ListDomainsRequest) => {
        c.checkUri(request.uri);
        return listDomains(c, request);
      }),
      getDomain: unary((request: wire.GetDomainRequest) => {
        c.checkUri(request.uri);
        const info = findDomain(c, request.domain);
        return toWireDomain(info, placeOf(c, info.uuid));
      }),
      getDomainXml: unary((request: wire.GetDomainXmlRequest, call: Call) => {
        c.checkUri(request.uri);
        return getDomainXml(c, request, call);
      }),
      listDomainStats: unary((request: wire.ListDomainStatsRequest) => {
        c.checkUri(request.uri);
        const page = listStats(c, request);
        return encodeStats(page.items, page.nextPageToken, c.uris[0]);
      }),

      defineDomain: change(methods.defineDomain, wire.Domain, (request, call) =>
        defineDomain(c, request, call),
      ),
      undefineDomain: change(methods.undefineDomain, wire.UndefineDomainResponse, (request, call) =>
        undefineDomain(c, request, call),
      ),
      createDomain: change(methods.createDomain, wire.Domain, (request, call) =>
        createDomain(c, request, call),
      ),
      startDomain: change(methods.startDomain, wire.Domain, (request, call) =>
        changeDomain(c, request.domain, { verb: "start", runs: true }, call, ({ uuid }) =>
          driver.domains.start(uuid, { paused: request.paused }, call),
        ),
      ),
      destroyDomain: change(methods.destroyDomain, wire.Domain, (request, call) =>
        destroyDomain(c, request.domain, call),
      ),
      resetDomain: change(methods.resetDomain, wire.Domain, (request, call) => {
        const reset = need(driver, "domains", "reset");
        return changeDomain(c, request.domain, { verb: "reset" }, call, ({ uuid }) => reset(uuid, call));
      }),
      suspendDomain: change(methods.suspendDomain, wire.Domain, (request, call) => {
        const suspend = need(driver, "domains", "suspend");
        return changeDomain(c, request.domain, { verb: "suspend" }, call, ({ uuid }) => suspend(uuid, call));
      }),
      resumeDomain: change(methods.resumeDomain, wire.Domain, (request, call) => {
        const resume = need(driver, "domains", "resume");
        return changeDomain(c, request.domain, { verb: "resume", runs: true }, call, ({ uuid }) =>
          resume(uuid, call),
        );
      }),
      setAutostart: change(methods.setAutostart, wire.Domain, (request, call) => {
        const set = need(driver, "domains", "setAutostart");
        return changeDomain(c, request.domain, { verb: "setAutostart" }, call, ({ uuid }) =>
          set(uuid, request.autostart, call),
        );
      }),

      shutdownDomain: change(methods.shutdownDomain, Operation, (request, call) =>
        askDomain(c, "shutdown", request, call),
      ),
      rebootDomain: change(methods.rebootDomain, Operation, (request, call) =>
        askDomain(c, "reboot", request, call),
      ),

      openConsole: bidi((requests: AsyncIterable<wire.OpenConsoleRequest>, call: Call) =>
        openConsole(c, requests, call),
      ),
      takeScreenshot: serverStream((request: wire.TakeScreenshotRequest, call: Call) => {
        c.checkUri(request.uri);
        return takeScreenshot(c, request, call);
      }),
    },
  };
}
