import type { Call } from "../call.ts";
import type { DomainUuid } from "../ids.ts";
import type { DomainInfo, ParsedDomain } from "./domains.ts";

/** Whether the CPUs run when the guest is there again. */
export type ResumeState = "asSaved" | "running" | "paused";

/** What a file holds. */
export interface SavedState {
  readonly parsed: ParsedDomain;
  readonly running: boolean;
}

/**
 * The memory of a guest that does not run. When a method throws or is aborted, the guest is as it was: it runs on, and no
 * file was made. A guest with a managed save says so in `DomainInfo.managedSave`; its next `domains.start` goes on from it.
 */
export interface SavedStateFacet {
  /** Resolves when the guest is off and the file durable. @throws ALREADY_EXISTS for a file that is there, NO_SPACE, FILE_NOT_FOUND */
  save?(uuid: DomainUuid, path: string, resume: ResumeState, c: Call): Promise<DomainInfo>;
  /** @throws FILE_NOT_FOUND, XML_INVALID for a file that is no saved guest */
  inspect?(path: string, form: { readonly secure: boolean }, c: Call): Promise<SavedState>;
  /** `xml`: the definition to run it with instead; empty: the one in the file. @throws ABI_MISMATCH */
  restore?(
    path: string,
    options: { readonly resume: ResumeState; readonly xml: string },
    c: Call,
  ): Promise<DomainInfo>;
  managedSave?(uuid: DomainUuid, resume: ResumeState, c: Call): Promise<DomainInfo>;
  /** Does nothing when there is none. */
  removeManaged?(uuid: DomainUuid, c: Call): Promise<void>;
}
