import type { Verb } from "../verb.ts";
import { attachDevice, detachDevice, detachDeviceAlias, updateDevice } from "./attach.ts";
import { blockcopy } from "./blockcopy.ts";
import { completion } from "./completion.ts";
import { consoleVerb } from "./console.ts";
import { domxmlFormats, domxmlFromNative, domxmlToNative } from "./conversion.ts";
import { create, define, domdiff, dumpxml, register, undefine } from "./definitions.ts";
import { blockjob, screenshot } from "./devices.ts";
import { attachDisk, changeMedia, detachDisk } from "./disks.ts";
import { event } from "./events.ts";
import { agents, capabilities, hosts, nodeinfo, uri, version } from "./fleet.ts";
import { domhostname, domifaddr, guestinfo } from "./guest-info.ts";
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
import { attachInterface, detachInterface } from "./interfaces.ts";
import { autostart, destroy, reboot, reset, resume, shutdown, start, suspend } from "./lifecycle.ts";
import { host } from "./host.ts";
import { list } from "./list.ts";
import { migrate } from "./migrate.ts";
import { migration } from "./migration.ts";
import {
  domjobabort,
  domjobinfo,
  migratePostcopy,
  migrateRecover,
  migrations,
  setmaxdowntime,
  setspeed,
} from "./migrations.ts";
import { operations } from "./operations.ts";
import { poolInfo, poolList } from "./pools.ts";
import { setmaxmem, setmem, setvcpus } from "./resources.ts";
import { managedsave, managedsaveRemove, restore, save, saveImageDumpxml } from "./saved-guests.ts";
import {
  snapshotCreate,
  snapshotCreateAs,
  snapshotCurrent,
  snapshotDelete,
  snapshotDumpxml,
  snapshotInfo,
  snapshotList,
  snapshotRevert,
} from "./snapshots.ts";
import { volDownload, volUpload } from "./volume-transfers.ts";
import { volCreateAs, volDelete, volInfo, volList, volResize } from "./volumes.ts";

/** Every verb, in the order of help. */
export const VERBS: readonly Verb[] = [
  list,
  define,
  undefine,
  register,
  create,
  start,
  shutdown,
  reboot,
  reset,
  suspend,
  resume,
  destroy,
  autostart,
  setmem,
  setmaxmem,
  setvcpus,
  domxmlFormats,
  domxmlFromNative,
  domxmlToNative,
  dominfo,
  domstate,
  dumpxml,
  domdiff,
  domblklist,
  domiflist,
  domstats,
  domid,
  domuuid,
  domname,
  domifaddr,
  guestinfo,
  domhostname,
  consoleVerb,
  vncdisplay,
  screenshot,
  blockjob,
  blockcopy,
  attachDevice,
  detachDevice,
  detachDeviceAlias,
  updateDevice,
  attachDisk,
  detachDisk,
  changeMedia,
  attachInterface,
  detachInterface,
  snapshotCreate,
  snapshotCreateAs,
  snapshotList,
  snapshotInfo,
  snapshotCurrent,
  snapshotDumpxml,
  snapshotRevert,
  snapshotDelete,
  save,
  restore,
  saveImageDumpxml,
  managedsave,
  managedsaveRemove,
  poolList,
  poolInfo,
  volList,
  volInfo,
  volCreateAs,
  volResize,
  volDelete,
  volUpload,
  volDownload,
  migrate,
  domjobinfo,
  domjobabort,
  setspeed,
  setmaxdowntime,
  migratePostcopy,
  migrateRecover,
  migrations,
  migration,
  event,
  operations,
  host,
  hosts,
  agents,
  nodeinfo,
  capabilities,
  version,
  uri,
  completion,
];
