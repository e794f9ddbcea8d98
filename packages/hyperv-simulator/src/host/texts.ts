/** Languages a host may be set to. Windows writes its texts in them, so that no client can compare them. */
export type Locale = "en-US" | "de-DE" | "ja-JP";

export type TextId =
  | "host caption"
  | "host description"
  | "guest caption"
  | "operating normally"
  | "port caption"
  | "port description"
  | "changing state"
  | "defining"
  | "modifying"
  | "removing"
  | "taking a checkpoint"
  | "applying a checkpoint"
  | "removing a checkpoint"
  | "making a disk"
  | "migrating"
  | "failed";

/** The Japanese ones were recorded from a host. */
const TEXTS: Readonly<Record<Locale, Readonly<Record<TextId, string>>>> = {
  "en-US": {
    "host caption": "Hosting Computer System",
    "host description": "Microsoft Hosting Computer System",
    "guest caption": "Virtual Machine",
    "operating normally": "Operating normally",
    "port caption": "Ethernet Port",
    "port description": "Microsoft External Ethernet Port",
    "changing state": "Changing the state of the virtual machine",
    defining: "Defining the virtual machine",
    modifying: "Modifying settings of the virtual machine",
    removing: "Removing the virtual machine",
    "taking a checkpoint": "Taking a checkpoint",
    "applying a checkpoint": "Applying a checkpoint",
    "removing a checkpoint": "Removing a checkpoint",
    "making a disk": "Making a virtual hard disk",
    migrating: "Migrating the virtual machine",
    failed: "The operation failed.",
  },
  "de-DE": {
    "host caption": "Hostcomputersystem",
    "host description": "Microsoft-Hostcomputersystem",
    "guest caption": "Virtueller Computer",
    "operating normally": "Normaler Betrieb",
    "port caption": "Ethernetanschluss",
    "port description": "Externer Ethernetanschluss von Microsoft",
    "changing state": "Der Zustand des virtuellen Computers wird geändert",
    defining: "Der virtuelle Computer wird erstellt",
    modifying: "Einstellungen des virtuellen Computers werden geändert",
    removing: "Der virtuelle Computer wird entfernt",
    "taking a checkpoint": "Ein Prüfpunkt wird erstellt",
    "applying a checkpoint": "Ein Prüfpunkt wird angewendet",
    "removing a checkpoint": "Ein Prüfpunkt wird entfernt",
    "making a disk": "Eine virtuelle Festplatte wird erstellt",
    migrating: "Der virtuelle Computer wird migriert",
    failed: "Fehler beim Vorgang.",
  },
  "ja-JP": {
    "host caption": "ホスト コンピューター システム",
    "host description": "Microsoft ホスト コンピューター システム",
    "guest caption": "仮想マシン",
    "operating normally": "正常稼働中",
    "port caption": "イーサネット ポート",
    "port description": "Microsoft 外部イーサネット ポート",
    "changing state": "仮想マシンの状態を変更しています",
    defining: "仮想マシンを定義しています",
    modifying: "仮想マシンの設定を変更しています",
    removing: "仮想マシンを削除しています",
    "taking a checkpoint": "チェックポイントを作成しています",
    "applying a checkpoint": "チェックポイントを適用しています",
    "removing a checkpoint": "チェックポイントを削除しています",
    "making a disk": "仮想ハード ディスクを作成しています",
    migrating: "仮想マシンを移行しています",
    failed: "操作に失敗しました。",
  },
};

export function textIn(locale: Locale, id: TextId): string {
  return TEXTS[locale][id];
}
