import { blockJobContract } from "./block-jobs.ts";
import { domainExtrasContract } from "./domain-extras.ts";
import { domainContract } from "./domains.ts";
import { eventContract } from "./events.ts";
import { hostContract } from "./host.ts";
import { operationContract } from "./operations.ts";
import type { SubjectKind } from "./subject.ts";
import { unsupportedContract } from "./unsupported.ts";

/** Everything a driver owes to its callers, whichever way they come. Declares jest suites. */
export function driverContract(kind: SubjectKind): void {
  hostContract(kind);
  domainContract(kind);
  domainExtrasContract(kind);
  blockJobContract(kind);
  eventContract(kind);
  operationContract(kind);
  unsupportedContract(kind);
}
