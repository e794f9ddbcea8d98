import type { CimClass } from "../schema/classes.ts";
import { initiateReboot, initiateShutdown, requestStateChange } from "./computer-system.ts";
import { getErrorEx, killJob, requestJobState } from "./concrete-job.ts";
import { deleteFile } from "./data-file.ts";
import {
  convertVirtualHardDisk,
  createVirtualHardDisk,
  getVirtualHardDiskSettingData,
  getVirtualHardDiskState,
  mergeVirtualHardDisk,
  resizeVirtualHardDisk,
  validateVirtualHardDisk,
} from "./image-service.ts";
import { pressKey } from "./keyboard.ts";
import type { Method } from "./method.ts";
import { checkMigratable, checkMigratableToHost, migrateToHost } from "./migration-service.ts";
import { addResourceSettings, modifyResourceSettings, removeResourceSettings } from "./resource-settings.ts";
import { applySnapshot, createSnapshot, destroySnapshot, destroySnapshotTree } from "./snapshot-service.ts";
import { getSummaryInformation, getVirtualSystemThumbnailImage } from "./summary.ts";
import { defineSwitch, destroySwitch, modifySwitch } from "./switch-service.ts";
import { defineSystem, destroySystem, modifySystemSettings } from "./system-settings.ts";

interface Entry {
  readonly method: Method;
  /** Windows answers it with a job. */
  readonly isJob?: true;
}

const METHODS: Readonly<Record<string, Readonly<Record<string, Entry>>>> = {
  CIM_DataFile: { Delete: { method: deleteFile } },
  Msvm_ComputerSystem: { RequestStateChange: { method: requestStateChange, isJob: true } },
  Msvm_ShutdownComponent: {
    InitiateShutdown: { method: initiateShutdown },
    InitiateReboot: { method: initiateReboot },
  },
  Msvm_VirtualSystemManagementService: {
    DefineSystem: { method: defineSystem },
    DestroySystem: { method: destroySystem, isJob: true },
    ModifySystemSettings: { method: modifySystemSettings, isJob: true },
    AddResourceSettings: { method: addResourceSettings },
    ModifyResourceSettings: { method: modifyResourceSettings, isJob: true },
    RemoveResourceSettings: { method: removeResourceSettings },
    GetSummaryInformation: { method: getSummaryInformation },
    GetVirtualSystemThumbnailImage: { method: getVirtualSystemThumbnailImage },
  },
  Msvm_VirtualSystemSnapshotService: {
    CreateSnapshot: { method: createSnapshot, isJob: true },
    ApplySnapshot: { method: applySnapshot, isJob: true },
    DestroySnapshot: { method: destroySnapshot, isJob: true },
    DestroySnapshotTree: { method: destroySnapshotTree, isJob: true },
  },
  Msvm_ImageManagementService: {
    CreateVirtualHardDisk: { method: createVirtualHardDisk, isJob: true },
    GetVirtualHardDiskSettingData: { method: getVirtualHardDiskSettingData },
    GetVirtualHardDiskState: { method: getVirtualHardDiskState },
    ResizeVirtualHardDisk: { method: resizeVirtualHardDisk, isJob: true },
    MergeVirtualHardDisk: { method: mergeVirtualHardDisk, isJob: true },
    ConvertVirtualHardDisk: { method: convertVirtualHardDisk, isJob: true },
    ValidateVirtualHardDisk: { method: validateVirtualHardDisk, isJob: true },
  },
  Msvm_VirtualSystemMigrationService: {
    CheckVirtualSystemIsMigratable: { method: checkMigratable, isJob: true },
    CheckVirtualSystemIsMigratableToHost: { method: checkMigratableToHost },
    MigrateVirtualSystemToHost: { method: migrateToHost, isJob: true },
  },
  Msvm_VirtualEthernetSwitchManagementService: {
    DefineSystem: { method: defineSwitch },
    ModifySystemSettings: { method: modifySwitch, isJob: true },
    DestroySystem: { method: destroySwitch, isJob: true },
  },
  CIM_ConcreteJob: {
    RequestStateChange: { method: requestJobState },
    KillJob: { method: killJob },
  },
  Msvm_ConcreteJob: { GetErrorEx: { method: getErrorEx } },
  Msvm_MigrationJob: { GetErrorEx: { method: getErrorEx } },
  Msvm_StorageJob: { GetErrorEx: { method: getErrorEx } },
  Msvm_Keyboard: {
    PressKey: { method: pressKey },
    ReleaseKey: { method: pressKey },
    TypeKey: { method: pressKey },
    TypeText: { method: pressKey },
    TypeScancodes: { method: pressKey },
    TypeCtrlAltDel: { method: pressKey },
  },
};

/** What the simulator does for a method; undefined for what Windows has and it has not. */
export function findMethod(cimClass: CimClass, name: string): Entry | undefined {
  const owner = [cimClass.name, ...cimClass.bases].find((one) => METHODS[one]?.[name] !== undefined);
  return owner === undefined ? undefined : METHODS[owner]?.[name];
}
