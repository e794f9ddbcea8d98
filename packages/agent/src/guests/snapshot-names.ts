/** As libvirt makes names of snapshots up: the time in seconds, counted on when there is one of that name. */
export function freshSnapshotName(taken: readonly string[]): string {
  let seconds = Math.trunc(Date.now() / 1000);
  while (taken.includes(String(seconds))) seconds += 1;
  return String(seconds);
}
