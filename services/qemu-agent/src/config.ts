import { text, toggle } from "@virtmesh/kit/config";

/** Flags of the qemu-agent, beside those that every agent has. */
export const QEMU_OPTIONS = {
  binary: {
    flag: "qemu",
    env: "VIRTMESH_QEMU",
    help: "QEMU to run guests with",
    type: text,
    default: "/usr/bin/qemu-system-x86_64",
  },
  allowPlaintextMigration: {
    flag: "allow-plaintext-migration",
    env: "VIRTMESH_ALLOW_PLAINTEXT_MIGRATION",
    help: "guests may be sent and taken in the clear when the caller asks for it",
    type: toggle,
    default: false,
  },
  allowTcgForKvm: {
    flag: "allow-tcg-for-kvm",
    env: "VIRTMESH_ALLOW_TCG_FOR_KVM",
    help: "guests of the type kvm run by emulation where KVM does not work",
    type: toggle,
    default: false,
  },
  allowPassthrough: {
    flag: "allow-qemu-arguments",
    env: "VIRTMESH_ALLOW_QEMU_ARGUMENTS",
    help: "definitions may carry arguments for QEMU itself, which can do anything that QEMU can",
    type: toggle,
    default: false,
  },
  vncAddress: {
    flag: "vnc-address",
    env: "VIRTMESH_VNC_ADDRESS",
    help: "where VNC listens when the definition does not say",
    type: text,
    default: "127.0.0.1",
  },
} as const;
