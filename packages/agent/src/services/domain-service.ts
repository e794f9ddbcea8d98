import { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import * as wire from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import { bidi, serverStream, unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { toWireDomain } from "../convert/domain.ts";
import { changeMethod } from "./change-method.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain, placeOf } from "./context.ts";
import { askDomain } from "./domain-asks.ts";
import {
  changeDomain,
  createDomain,
  defineDomain,
  destroyDomain,
  registerDomain,
  startDomain,
  undefineDomain,
} from "./domain-changes.ts";
import { getDomainXml, listDomains, listStats } from "./domain-reads.ts";
import { openConsole, takeScreenshot } from "./domain-streams.ts";
import { DOMAIN_SERVICE_WITH_ENCODED_STATS, encodeStats } from "./stats-codec.ts";

const methods = wire.DomainServiceService;

export function domainService(c: ServiceContext): ServedService {
  const { driver } = c;

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

      defineDomain: changeMethod(c, methods.defineDomain, wire.Domain, (request, call) =>
        defineDomain(c, request, call),
      ),
      undefineDomain: changeMethod(c, methods.undefineDomain, wire.UndefineDomainResponse, (request, call) =>
        undefineDomain(c, request, call),
      ),
      registerDomain: changeMethod(c, methods.registerDomain, wire.Domain, (request, call) =>
        registerDomain(c, request, call),
      ),
      createDomain: changeMethod(c, methods.createDomain, wire.Domain, (request, call) =>
        createDomain(c, request, call),
      ),
      startDomain: changeMethod(c, methods.startDomain, wire.Domain, (request, call) =>
        startDomain(c, request, call),
      ),
      destroyDomain: changeMethod(c, methods.destroyDomain, wire.Domain, (request, call) =>
        destroyDomain(c, request.domain, call),
      ),
      resetDomain: changeMethod(c, methods.resetDomain, wire.Domain, (request, call) => {
        const reset = need(driver, "domains", "reset");
        return changeDomain(c, request.domain, { verb: "reset" }, call, ({ uuid }) => reset(uuid, call));
      }),
      suspendDomain: changeMethod(c, methods.suspendDomain, wire.Domain, (request, call) => {
        const suspend = need(driver, "domains", "suspend");
        return changeDomain(c, request.domain, { verb: "suspend" }, call, ({ uuid }) => suspend(uuid, call));
      }),
      resumeDomain: changeMethod(c, methods.resumeDomain, wire.Domain, (request, call) => {
        const resume = need(driver, "domains", "resume");
        return changeDomain(c, request.domain, { verb: "resume", runs: true }, call, ({ uuid }) =>
          resume(uuid, call),
        );
      }),
      setAutostart: changeMethod(c, methods.setAutostart, wire.Domain, (request, call) => {
        const set = need(driver, "domains", "setAutostart");
        return changeDomain(c, request.domain, { verb: "setAutostart" }, call, ({ uuid }) =>
          set(uuid, request.autostart, call),
        );
      }),

      shutdownDomain: changeMethod(c, methods.shutdownDomain, Operation, (request, call) =>
        askDomain(c, "shutdown", request, call),
      ),
      rebootDomain: changeMethod(c, methods.rebootDomain, Operation, (request, call) =>
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
