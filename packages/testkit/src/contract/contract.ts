import { blockJobContract } from "./block-jobs.ts";
import { deviceContract } from "./devices.ts";
import { diskMoveContract } from "./disk-moves.ts";
import { domainExtrasContract } from "./domain-extras.ts";
import { domainContract } from "./domains.ts";
import { eventContract } from "./events.ts";
import { guestInfoContract } from "./guest-info.ts";
import { hostContract } from "./host.ts";
import { operationContract } from "./operations.ts";
import { registrationContract } from "./registration.ts";
import { resourceContract } from "./resources.ts";
import { savedStateContract } from "./saved-state.ts";
import { snapshotContract } from "./snapshots.ts";
import { storageContract } from "./storage.ts";
import type { SubjectKind } from "./subject.ts";
import { unsupportedContract } from "./unsupported.ts";

/** Everything a driver owes to its callers, whichever way they come. Declares jest suites. */
export function driverContract(kind: SubjectKind): void {
  hostContract(kind);
  domainContract(kind);
  domainExtrasContract(kind);
  deviceContract(kind);
  resourceContract(kind);
  snapshotContract(kind);
  savedStateContract(kind);
  guestInfoContract(kind);
  storageContract(kind);
  registrationContract(kind);
  blockJobContract(kind);
  diskMoveContract(kind);
  eventContract(kind);
  operationContract(kind);
  unsupportedContract(kind);
}
