import type { Verb } from "../verb.ts";
import { completion } from "./completion.ts";
import { consoleVerb } from "./console.ts";
import { create, define, dumpxml, undefine } from "./definitions.ts";
import { blockjob, screenshot } from "./devices.ts";
import { event } from "./events.ts";
import { agents, capabilities, hosts, nodeinfo, uri, version } from "./fleet.ts";
import {
  domblklist,
  domid,
  domiflist,
  dominfo,
  domname,
  domstate,
  domstats,
  domuuid,
  vncdisplay,
} from "./inspect.ts";
import { autostart, destroy, reboot, reset, resume, shutdown, start, suspend } from "./lifecycle.ts";
import { list } from "./list.ts";
import { migrate } from "./migrate.ts";
import { domjobabort, domjobinfo, migrations, setmaxdowntime, setspeed } from "./migrations.ts";
import { operations } from "./operations.ts";

/** Every verb, in the order of help. */
export const VERBS: readonly Verb[] = [
  list,
  define,
  undefine,
  create,
  start,
  shutdown,
  reboot,
  reset,
  suspend,
  resume,
  destroy,
  autostart,
  dominfo,
  domstate,
  dumpxml,
  domblklist,
  domiflist,
  domstats,
  domid,
  domuuid,
  domname,
  consoleVerb,
  vncdisplay,
  screenshot,
  blockjob,
  migrate,
  domjobinfo,
  domjobabort,
  setspeed,
  setmaxdowntime,
  migrations,
  event,
  operations,
  hosts,
  agents,
  nodeinfo,
  capabilities,
  version,
  uri,
  completion,
];
