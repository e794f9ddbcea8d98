import { type Domain, domainStateToJSON, ListDomainsResponse } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { isUriPattern } from "@virtmesh/core/uri";
import { type Column, formatTable } from "../output/table.ts";
import { enumWord, formatBytes } from "../output/units.ts";
import { listAll, type Session } from "../session.ts";
import type { Given, Verb } from "../verb.ts";
import { redrawOnEvents } from "../watch.ts";

/** As virsh says it. */
export function stateWord(domain: { readonly state: Domain["state"] }): string {
  const word = enumWord(domainStateToJSON(domain.state), "DOMAIN_STATE_");
  return (
    { shutoff: "shut off", shutdown: "in shutdown", blocked: "idle", unspecified: "no state" }[word] ?? word
  );
}

function columns(fleet: boolean): readonly Column<Domain>[] {
  const id: Column<Domain> = { title: "Id", cell: (d) => (d.id === 0 ? "-" : String(d.id)) };
  const name: Column<Domain> = { title: "Name", cell: (d) => d.name };
  const state: Column<Domain> = { title: "State", cell: stateWord };
  if (!fleet) return [id, name, state];
  return [
    { title: "Host", cell: (d) => d.host },
    id,
    name,
    state,
    { title: "vCPUs", right: true, cell: (d) => String(d.vcpus) },
    { title: "Memory", right: true, cell: (d) => formatBytes(d.memoryBytes) },
    { title: "Connection", cell: (d) => d.uri },
  ];
}

/** The part of the list that the flags of virsh choose. */
export function chosenDomains(domains: readonly Domain[], given: Given): readonly Domain[] {
  const active = (d: Domain) => d.id !== 0;
  const byRun = given.flag("all") ? () => true : given.flag("inactive") ? (d: Domain) => !active(d) : active;
  const tests = [byRun];
  if (given.flag("persistent")) tests.push((d) => d.persistent);
  if (given.flag("transient")) tests.push((d) => !d.persistent);
  if (given.flag("autostart")) tests.push((d) => d.autostart);
  return domains.filter((d) => tests.every((test) => test(d)));
}

async function show(session: Session, given: Given): Promise<readonly string[]> {
  const uri = given.text("host") === "" ? session.globals.connect : `*://${given.text("host")}/*`;
  const answer = await listAll(session, uri, given.text("filter"), given.text("orderBy"));
  const chosen = chosenDomains(answer.domains, given);
  // Hosts answer in any order; without a wish the table is by host, then by name.
  const byPlace = (a: Domain, b: Domain): number =>
    a.host.localeCompare(b.host) || a.name.localeCompare(b.name);
  const domains = given.text("orderBy") === "" ? chosen.toSorted(byPlace) : chosen;
  if (session.globals.json)
    return [JSON.stringify(ListDomainsResponse.toJSON({ ...answer, domains: [...domains] }))];
  const lines = given.flag("name")
    ? domains.map((d) => d.name)
    : given.flag("uuid")
      ? domains.map((d) => d.uuid)
      : formatTable(columns(isUriPattern(uri)), domains, session.globals.quiet);
  session.terminal.unreachable(answer.unreachable);
  return lines;
}

export const list: Verb = {
  name: "list",
  aliases: ["ls"],
  group: "Guests",
  summary: "list guests of a connection, of a pattern of hosts, or of the fleet",
  options: [
    { flags: "--all", help: "those that do not run as well" },
    { flags: "--inactive", help: "only those that do not run" },
    { flags: "--persistent", help: "only those with a persistent definition" },
    { flags: "--transient", help: "only those without one" },
    { flags: "--autostart", help: "only those that start with their host" },
    { flags: "--host <pattern>", help: "only on hosts of this name; * stands for any characters" },
    { flags: "--filter <expression>", help: 'for example state = "running" AND name : "web-*"' },
    { flags: "--order-by <field>", help: "name, name desc, state, memory_bytes" },
    { flags: "--name", help: "print names only" },
    { flags: "--uuid", help: "print UUIDs only" },
    { flags: "--watch", help: "draw the list again whenever something happens" },
  ],
  async run(session, given) {
    if (given.flag("watch")) return redrawOnEvents(session, () => show(session, given));
    for (const line of await show(session, given)) session.terminal.print(line);
  },
};
