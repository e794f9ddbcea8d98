import {
  Domain,
  DomainServiceService as domains,
  GetDomainRequest,
  ListDomainStatsRequest,
  ListDomainStatsResponse,
  type DomainStats,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";
import { isUriPattern } from "@virtmesh/core/uri";
import { clean } from "../output/table.ts";
import { formatBytes } from "../output/units.ts";
import { resolveTarget, type Session } from "../session.ts";
import { statsLines } from "../output/stats.ts";
import { DOMAIN_ARGUMENT, type Given, type Verb } from "../verb.ts";
import { redrawOnEvents } from "../watch.ts";
import { stateWord } from "./list.ts";

/** A verb that shows something of one guest. */
function look(
  name: string,
  summary: string,
  show: (session: Session, domain: Domain, given: Given) => void,
  options: Verb["options"] = [],
): Verb {
  return {
    name,
    group: "Guest state",
    summary,
    args: [DOMAIN_ARGUMENT],
    options,
    async run(session, given) {
      const target = await resolveTarget(session, given.arg(0));
      const domain = await session.rpc.unary(domains.getDomain, GetDomainRequest.fromPartial(target));
      if (session.globals.json) session.terminal.object(Domain.toJSON(domain));
      else show(session, domain, given);
    },
  };
}

const yesNo = (yes: boolean): string => (yes ? "yes" : "no");
const active = (domain: Domain): boolean => domain.id !== 0;

export const dominfo = look("dominfo", "the main facts of a guest", ({ terminal }, d) =>
  terminal.fields([
    ["Id", active(d) ? String(d.id) : "-"],
    ["Name", d.name],
    ["UUID", d.uuid],
    ["Connection", d.uri],
    ["OS Type", d.type],
    ["State", stateWord(d)],
    ["State reason", d.stateReason],
    ["CPU(s)", String(d.vcpus)],
    ["Max memory", formatBytes(d.maxMemoryBytes)],
    ["Used memory", formatBytes(d.memoryBytes)],
    ["Persistent", yesNo(d.persistent)],
    ["Autostart", yesNo(d.autostart)],
    ["Managed save", yesNo(d.managedSave)],
    ["Changed", d.updated ? "the definition for the next start differs" : undefined],
    ["Running since", d.startTime?.toISOString()],
    ["Busy with", d.currentOperation],
    ["Run token", d.generation > 0n ? `generation ${d.generation}` : undefined],
    ["Title", d.title],
    ["Description", d.description],
  ]),
);

export const domstate = look(
  "domstate",
  "the state of a guest",
  ({ terminal }, d, given) =>
    terminal.print(given.flag("reason") ? `${stateWord(d)} (${clean(d.stateReason)})` : stateWord(d)),
  [{ flags: "--reason", help: "and why it is in that state" }],
);

export const domid = look("domid", "the id of a running guest on its host", ({ terminal }, d) =>
  terminal.print(active(d) ? String(d.id) : "-"),
);
export const domuuid = look("domuuid", "the UUID of a guest", ({ terminal }, d) => terminal.print(d.uuid));
export const domname = look("domname", "the name of a guest", ({ terminal }, d) =>
  terminal.print(clean(d.name)),
);

export const domblklist = look(
  "domblklist",
  "the disks of a guest",
  ({ terminal }, d, given) => {
    const details = [
      { title: "Type", cell: (disk: Domain["disks"][number]) => disk.type },
      { title: "Device", cell: (disk: Domain["disks"][number]) => disk.device },
    ];
    terminal.table(
      [
        ...(given.flag("details") ? details : []),
        { title: "Target", cell: (disk) => disk.target },
        { title: "Source", cell: (disk) => disk.source || "-" },
        ...(given.flag("details")
          ? [{ title: "Format", cell: (disk: Domain["disks"][number]) => disk.format }]
          : []),
      ],
      d.disks,
    );
  },
  [{ flags: "--details", help: "with type, device and format" }],
);

export const domiflist = look("domiflist", "the network interfaces of a guest", ({ terminal }, d) =>
  terminal.table(
    [
      { title: "Interface", cell: (i) => i.device || "-" },
      { title: "Type", cell: (i) => i.type },
      { title: "Source", cell: (i) => i.source || "-" },
      { title: "Model", cell: (i) => i.model || "-" },
      { title: "MAC", cell: (i) => i.mac },
    ],
    d.interfaces,
  ),
);

export const vncdisplay = look("vncdisplay", "where the screen of a guest is served", ({ terminal }, d) => {
  const vnc = d.graphics.find((g) => g.type === "vnc");
  if (vnc === undefined) throw new VirtError("DEVICE_NOT_FOUND", `"${d.name}" has no VNC display`);
  if (vnc.socket !== "") return terminal.print(vnc.socket);
  if (vnc.port === 0)
    throw new VirtError(
      "DOMAIN_NOT_RUNNING",
      `the VNC display of "${d.name}" has no port; does the guest run?`,
    );
  terminal.print(`${vnc.listen}:${vnc.port - 5900}`);
});

async function allStats(session: Session, names: readonly string[]): Promise<ListDomainStatsResponse> {
  const all: ListDomainStatsResponse = { stats: [], unreachable: [], nextPageToken: "" };
  const targets = await Promise.all(names.map((name) => resolveTarget(session, name)));
  const requests =
    targets.length === 0
      ? [{ uri: session.globals.connect, domains: [] as string[] }]
      : [...Map.groupBy(targets, (t) => t.uri)].map(([uri, group]) => ({
          uri,
          domains: group.map((t) => t.domain),
        }));
  for (const request of requests) {
    let pageToken = "";
    do {
      const page = await session.rpc.unary(
        domains.listDomainStats,
        ListDomainStatsRequest.fromPartial({ ...request, pageToken, pageSize: 200 }),
      );
      all.stats.push(...page.stats);
      for (const host of page.unreachable) if (!all.unreachable.includes(host)) all.unreachable.push(host);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }
  return all;
}

export const domstats: Verb = {
  name: "domstats",
  group: "Guest state",
  summary: "statistics of guests, in the words of virsh domstats",
  args: [{ ...DOMAIN_ARGUMENT, optional: true, variadic: true }],
  options: [{ flags: "--watch", help: "draw them again whenever something happens" }],
  async run(session, given) {
    const show = async (): Promise<readonly string[]> => {
      const answer = await allStats(session, given.rest(0));
      if (session.globals.json) return [JSON.stringify(ListDomainStatsResponse.toJSON(answer))];
      session.terminal.unreachable(answer.unreachable);
      const fleet = isUriPattern(session.globals.connect);
      return answer.stats.flatMap((s: DomainStats) => statsLines(s, fleet));
    };
    if (given.flag("watch")) return redrawOnEvents(session, show);
    for (const line of await show()) session.terminal.print(line);
  },
};
