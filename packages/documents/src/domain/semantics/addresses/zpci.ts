import type { Walked } from "../walk.ts";
import { refuse } from "../refuse.ts";
import { addressOf } from "./placed.ts";

/** Gives PCI devices of s390 the two numbers by which the machine knows them: uid from 1, fid from 0. */
export function assignZpciIds(devices: readonly Walked[]): void {
  const uids = new Set<number>();
  const fids = new Set<number>();
  const onPci = devices.filter(
    ({ list }) => !["serials", "parallels", "channels", "consoles"].includes(list),
  );
  const claim = ({ device, path }: Walked) => {
    const address = addressOf(device, "pci");
    if (address === undefined) return;
    const uid = address.zpci?.uid ?? free(uids, 1);
    const fid = address.zpci?.fid ?? free(fids, 0);
    if (uid === 0) refuse(`${path}/address/zpci/@uid`, "a uid of zPCI is a number from 0x0001 to 0xffff");
    if (uids.has(uid))
      refuse(`${path}/address/zpci/@uid`, `the zPCI uid 0x${uid.toString(16)} is that of another device`);
    if (fids.has(fid))
      refuse(`${path}/address/zpci/@fid`, `the zPCI fid 0x${fid.toString(16)} is that of another device`);
    uids.add(uid);
    fids.add(fid);
    address.zpci = { uid, fid };
  };
  const given = onPci.filter(({ device }) => {
    const zpci = addressOf(device, "pci")?.zpci;
    return zpci?.uid !== undefined || zpci?.fid !== undefined;
  });
  for (const walked of given) claim(walked);
  for (const walked of onPci) if (!given.includes(walked)) claim(walked);
}

function free(taken: ReadonlySet<number>, from: number): number {
  let id = from;
  while (taken.has(id)) id += 1;
  return id;
}
