import { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import * as wire from "@virtmesh/api/gen/virtmesh/v1/saved_state";
import type { Call } from "@virtmesh/core/call";
import { isActive } from "@virtmesh/core/domain/state";
import type { ParsedDomain } from "@virtmesh/core/driver/domains";
import { need } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import { unary } from "@virtmesh/kit/grpc-server";
import type { ServedService } from "../chassis.ts";
import { resumeStateOf } from "../convert/saved-state.ts";
import { requirePath } from "../convert/field.ts";
import { changeMethod } from "./change-method.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain } from "./context.ts";
import { checkIdentity, withToken } from "./domain-changes.ts";
import { longChange, longDomainChange, packDomain } from "./long-change.ts";

const methods = wire.SavedStateServiceService;

export function savedStateService(c: ServiceContext): ServedService {
  return {
    definition: wire.SavedStateServiceService,
    implementation: {
      saveDomain: changeMethod(c, methods.saveDomain, Operation, async (request, call) => {
        const save = need(c.driver, "savedState", "save");
        const path = requirePath("path", request.path);
        const resume = resumeStateOf(request.resume);
        checkRuns(c, request.domain);
        return await longDomainChange(c, request.domain, { verb: "save" }, call, async ({ uuid }, own) =>
          packDomain(c, await save(uuid, path, resume, own)),
        );
      }),
      restoreDomain: changeMethod(c, methods.restoreDomain, Operation, (request, call) =>
        restore(c, request, call),
      ),
      getSavedState: unary(
        async (request: wire.GetSavedStateRequest, call: Call): Promise<wire.SavedState> => {
          c.checkUri(request.uri);
          const inspect = need(c.driver, "savedState", "inspect");
          const path = requirePath("path", request.path);
          const { parsed, running } = await inspect(path, { secure: request.secure }, call);
          return { uuid: parsed.uuid, name: parsed.name, xml: parsed.xml, running };
        },
      ),
      managedSaveDomain: changeMethod(c, methods.managedSaveDomain, Operation, async (request, call) => {
        const save = need(c.driver, "savedState", "managedSave");
        const resume = resumeStateOf(request.resume);
        const { persistent, name } = checkRuns(c, request.domain);
        if (!persistent) {
          throw new VirtError(
            "DOMAIN_TRANSIENT",
            `guest "${name}" is transient and has no next start; save it to a file, from which it can be restored`,
            { resource: { type: "domain", name } },
          );
        }
        return await longDomainChange(
          c,
          request.domain,
          { verb: "managedSave" },
          call,
          async ({ uuid }, own) => packDomain(c, await save(uuid, resume, own)),
        );
      }),
      removeManagedSave: changeMethod(
        c,
        methods.removeManagedSave,
        wire.RemoveManagedSaveResponse,
        async (request, call) => {
          const remove = need(c.driver, "savedState", "removeManaged");
          const { uuid } = findDomain(c, request.domain);
          const info = { verb: "removeManagedSave", trace: call.trace };
          await c.queue.run({ uuid }, info, call, () => remove(uuid, call));
          return {};
        },
      ),
    },
  };
}

function checkRuns(c: ServiceContext, ref: string) {
  const info = findDomain(c, ref);
  if (isActive(info.state)) return info;
  throw new VirtError("DOMAIN_NOT_RUNNING", `guest "${info.name}" does not run and has nothing to save`, {
    resource: { type: "domain", name: info.name },
  });
}

async function restore(
  c: ServiceContext,
  request: wire.RestoreDomainRequest,
  call: Call,
): Promise<Operation> {
  const inspect = need(c.driver, "savedState", "inspect");
  const start = need(c.driver, "savedState", "restore");
  const path = requirePath("path", request.path);
  const options = { resume: resumeStateOf(request.resume), xml: request.xml };
  const { parsed } = await inspect(path, { secure: true }, call);
  checkReplacement(c, request.xml, parsed);
  checkMayRun(c, parsed);
  return await longChange(c, parsed, { verb: "restore" }, call, async (own) => {
    checkMayRun(c, parsed);
    return packDomain(c, await withToken(c, parsed, own, () => start(path, options, own)));
  });
}

/** Another definition for the same guest. */
function checkReplacement(c: ServiceContext, xml: string, saved: ParsedDomain): void {
  if (xml === "") return;
  const given = c.driver.domains.parse(xml);
  if (given.uuid === saved.uuid) return;
  throw new VirtError(
    "ABI_MISMATCH",
    `the definition is of the guest ${given.uuid}, and what was saved is of ${saved.uuid}`,
    { metadata: { uuid: saved.uuid } },
  );
}

function checkMayRun(c: ServiceContext, parsed: ParsedDomain): void {
  const existing = checkIdentity(c, parsed);
  if (existing === undefined || !isActive(existing.state)) return;
  throw new VirtError("DOMAIN_RUNNING", `guest "${existing.name}" runs already, it is ${existing.state}`, {
    resource: { type: "domain", name: existing.name },
  });
}
