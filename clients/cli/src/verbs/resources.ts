import type { MethodDefinition } from "@grpc/grpc-js";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import {
  ResourceServiceService as resources,
  SetMaxMemoryRequest,
  SetMemoryRequest,
  SetVcpusRequest,
} from "@virtmesh/api/gen/virtmesh/v1/resource";
import { SCOPE_OPTIONS, scopeOf, WITHIN_OPTION, withinOf } from "../change-scope.ts";
import { perform } from "../long-work.ts";
import { clean } from "../output/table.ts";
import { formatBytes } from "../output/units.ts";
import { resolveTarget } from "../session.ts";
import { parseSize } from "../sizes.ts";
import {
  DOMAIN_ARGUMENT,
  type Given,
  parseNumber,
  type Verb,
  type VerbArgument,
  type VerbOption,
} from "../verb.ts";

interface Place {
  readonly uri: string;
  readonly domain: string;
  readonly requestId: string;
  readonly live: boolean;
  readonly config: boolean;
}

/** A verb that gives a guest more or less of its host. */
function give<Q>(
  name: string,
  summary: string,
  amount: VerbArgument,
  method: MethodDefinition<Q, Operation>,
  request: (place: Place, given: Given) => Q,
  done: (given: Given) => string,
  options: readonly VerbOption[] = [],
): Verb {
  return {
    name,
    group: "Guests",
    summary,
    args: [DOMAIN_ARGUMENT, amount],
    options: [...options, ...SCOPE_OPTIONS, WITHIN_OPTION],
    async run(session, given) {
      const target = await resolveTarget(session, given.arg(0));
      const scope = await scopeOf(session, target, given);
      const place = { ...target, ...scope, ...withinOf(given), requestId: crypto.randomUUID() };
      const begin = session.rpc.unary(method, request(place, given));
      await perform(session, target.uri, begin, `Domain '${clean(given.arg(0))}' ${done(given)}`);
    },
  };
}

const SIZE: VerbArgument = { name: "size", help: "in KiB, or with its unit: 512MiB, 2GiB" };
const sizeOf = (given: Given): bigint => parseSize("the size", given.arg(1));

export const setmem = give(
  "setmem",
  "set the memory that a guest has at the moment",
  SIZE,
  resources.setMemory,
  (place, given) => SetMemoryRequest.fromPartial({ ...place, memoryBytes: sizeOf(given) }),
  (given) => `has ${formatBytes(sizeOf(given))} of memory`,
);

export const setmaxmem = give(
  "setmaxmem",
  "set the memory that a guest can have at most",
  SIZE,
  resources.setMaxMemory,
  (place, given) => SetMaxMemoryRequest.fromPartial({ ...place, maxMemoryBytes: sizeOf(given) }),
  (given) => `can have ${formatBytes(sizeOf(given))} of memory`,
);

export const setvcpus = give(
  "setvcpus",
  "set how many CPUs a guest has",
  { name: "count", help: "how many" },
  resources.setVcpus,
  (place, given) =>
    SetVcpusRequest.fromPartial({
      ...place,
      vcpus: parseNumber("the count", given.arg(1)),
      maximum: given.flag("maximum"),
    }),
  (given) => `${given.flag("maximum") ? "can have" : "has"} ${given.arg(1)} CPU(s)`,
  [{ flags: "--maximum", help: "how many it can have at most" }],
);
