import type { XenStore } from "./connection.ts";

/** Xen's numbers of a domain's network cards, by MAC address. */
export async function cardsOf(store: XenStore, domain: number): Promise<ReadonlyMap<string, number>> {
  const backends = `/local/domain/0/backend/vif/${domain}`;
  const cards = (await store.list(backends)).map(async (number): Promise<[string, number]> => {
    return [(await store.read(`${backends}/${number}/mac`)) ?? "", Number(number)];
  });
  return new Map(await Promise.all(cards));
}
