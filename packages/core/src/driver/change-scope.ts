/**
 * Where a change counts: for the guest that runs, for the definition of its next start, or for both together. The
 * chassis has checked that there is what is named, and at least one is true.
 */
export interface ChangeScope {
  readonly live: boolean;
  readonly config: boolean;
}
