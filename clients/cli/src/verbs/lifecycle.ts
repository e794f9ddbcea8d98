import type { MethodDefinition } from "@grpc/grpc-js";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import {
  DestroyDomainRequest,
  Domain,
  DomainServiceService as domains,
  RebootDomainRequest,
  ResetDomainRequest,
  ResumeDomainRequest,
  SetAutostartRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  SuspendDomainRequest,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { followOperation, operationJson, throwIfFailed } from "../operations.ts";
import { clean } from "../output/table.ts";
import { durationOf } from "../output/units.ts";
import { resolveTarget, type Session } from "../session.ts";
import { DOMAIN_ARGUMENT, type Given, type Verb, type VerbOption } from "../verb.ts";

/** Tells what became of a guest, by its new form. */
function told(session: Session, domain: Domain, sentence: string): void {
  if (session.globals.json) session.terminal.object(Domain.toJSON(domain));
  else session.terminal.say(`Domain '${clean(domain.name)}' ${sentence}`);
}

interface Place {
  readonly uri: string;
  readonly requestId: string;
  readonly domain: string;
}

/** A verb that changes one guest and answers with its new form. */
function change<Q>(
  name: string,
  summary: string,
  method: MethodDefinition<Q, Domain>,
  request: (place: Place, given: Given) => Q,
  done: string | ((given: Given) => string),
  options: readonly VerbOption[] = [],
): Verb {
  return {
    name,
    group: "Guests",
    summary,
    args: [DOMAIN_ARGUMENT],
    options,
    async run(session, given) {
      const place = { ...(await resolveTarget(session, given.arg(0))), requestId: crypto.randomUUID() };
      const domain = await session.rpc.unary(method, request(place, given));
      told(session, domain, typeof done === "string" ? done : done(given));
    },
  };
}

export const start = change(
  "start",
  "start a guest that is defined",
  domains.startDomain,
  (place, given) =>
    StartDomainRequest.fromPartial({
      ...place,
      paused: given.flag("paused"),
      forceBoot: given.flag("forceBoot"),
    }),
  (given) => (given.flag("paused") ? "started, paused" : "started"),
  [
    { flags: "--paused", help: "leave its CPUs stopped" },
    { flags: "--force-boot", help: "boot, and forget what managedsave has kept" },
  ],
);

export const suspend = change(
  "suspend",
  "stop the CPUs of a guest",
  domains.suspendDomain,
  (place) => SuspendDomainRequest.fromPartial(place),
  "suspended",
);

export const resume = change(
  "resume",
  "let the CPUs of a suspended guest run",
  domains.resumeDomain,
  (place) => ResumeDomainRequest.fromPartial(place),
  "resumed",
);

export const reset = change(
  "reset",
  "reset the virtual hardware at once, without asking the guest",
  domains.resetDomain,
  (place) => ResetDomainRequest.fromPartial(place),
  "was reset",
);

export const destroy = change(
  "destroy",
  "stop a guest at once, as if its power were cut",
  domains.destroyDomain,
  (place) => DestroyDomainRequest.fromPartial(place),
  "destroyed",
);

export const autostart = change(
  "autostart",
  "start a guest with its host, or no longer",
  domains.setAutostart,
  (place, given) => SetAutostartRequest.fromPartial({ ...place, autostart: !given.flag("disable") }),
  (given) => (given.flag("disable") ? "no longer starts with its host" : "starts with its host"),
  [{ flags: "--disable", help: "no longer" }],
);

/** A verb that asks the guest itself: the operation ends when the guest has done it. */
function ask<Q>(
  name: string,
  summary: string,
  method: MethodDefinition<Q, Operation>,
  request: (place: Place & { readonly timeout: ReturnType<typeof durationOf> | undefined }) => Q,
  words: { readonly asked: string; readonly done: string },
): Verb {
  return {
    name,
    group: "Guests",
    summary,
    args: [DOMAIN_ARGUMENT],
    options: [
      { flags: "--wait", help: "until the guest has done it" },
      { flags: "--within <seconds>", help: "how long the guest may take; the operation fails after that" },
    ],
    async run(session, given) {
      const seconds = given.number("within");
      const place = { ...(await resolveTarget(session, given.arg(0))), requestId: crypto.randomUUID() };
      const timeout = seconds === undefined ? undefined : durationOf(seconds * 1000);
      const begun = await session.rpc.unary(method, request({ ...place, timeout }));
      const name = clean(given.arg(0));
      if (!given.flag("wait") && !begun.done) {
        if (session.globals.json) session.terminal.object(operationJson(begun));
        else session.terminal.say(`Domain '${name}' ${words.asked}`);
        return;
      }
      const ended = begun.done
        ? begun
        : await followOperation(session, { uri: place.uri, name: begun.name, begun: true }, () => undefined);
      if (session.globals.json) session.terminal.object(operationJson(ended));
      throwIfFailed(ended);
      session.terminal.say(`Domain '${name}' ${words.done}`);
    },
  };
}

export const shutdown = ask(
  "shutdown",
  "ask a guest to shut down",
  domains.shutdownDomain,
  (place) => ShutdownDomainRequest.fromPartial(place),
  { asked: "is being shut down", done: "is shut down" },
);

export const reboot = ask(
  "reboot",
  "ask a guest to reboot",
  domains.rebootDomain,
  (place) => RebootDomainRequest.fromPartial(place),
  { asked: "is being rebooted", done: "was rebooted" },
);
