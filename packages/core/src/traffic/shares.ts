/** A flow of bytes that competes with others for the bandwidth of its host and of its link. */
export interface Flow {
  readonly id: string;
  /** The other host. */
  readonly link: string;
  /** The most it wants, in bytes a second; 0 means as much as there is. */
  readonly wants: bigint;
}

/** Bytes a second; 0 means no limit. */
export interface Bandwidth {
  readonly host: bigint;
  readonly link: bigint;
}

interface Bound {
  readonly members: readonly string[];
  left: bigint;
}

/**
 * Divides the bandwidth fairly (max-min): all flows get the same until one has what it wants or a budget is used up;
 * what it leaves goes to the others. Without any limit on a flow its share is 0, which means none. A share is never
 * less than one byte a second, since 0 would mean no limit.
 */
export function sharesOf(flows: readonly Flow[], bandwidth: Bandwidth): ReadonlyMap<string, bigint> {
  const bounds = boundsOf(flows, bandwidth);
  const shares = new Map<string, bigint>();
  let open = new Set(flows.map((f) => f.id).filter((id) => bounds.some((b) => b.members.includes(id))));
  for (const { id } of flows) if (!open.has(id)) shares.set(id, 0n);
  while (open.size > 0) {
    const now = open;
    const tight = bounds
      .map((bound) => ({ bound, among: bound.members.filter((id) => now.has(id)) }))
      .filter(({ among }) => among.length > 0)
      .map(({ bound, among }) => ({ among, each: max(1n, bound.left / BigInt(among.length)) }))
      .reduce((a, b) => (b.each < a.each ? b : a));
    for (const id of tight.among) {
      shares.set(id, tight.each);
      for (const bound of bounds)
        if (bound.members.includes(id)) bound.left = max(0n, bound.left - tight.each);
    }
    open = new Set([...open].filter((id) => !tight.among.includes(id)));
  }
  return shares;
}

/** Every limit there is, with whom it binds: the host's, each link's, and each flow's own. */
function boundsOf(flows: readonly Flow[], bandwidth: Bandwidth): Bound[] {
  const bounds: Bound[] = [];
  const add = (members: readonly Flow[], left: bigint): void => {
    if (left > 0n) bounds.push({ members: members.map((f) => f.id), left });
  };
  add(flows, bandwidth.host);
  for (const link of new Set(flows.map((f) => f.link))) {
    add(
      flows.filter((f) => f.link === link),
      bandwidth.link,
    );
  }
  for (const flow of flows) add([flow], flow.wants);
  return bounds;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
