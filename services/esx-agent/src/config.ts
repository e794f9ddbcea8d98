import { readFile } from "node:fs/promises";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { text, type Values } from "@virtmesh/kit/config";
import type { EsxDriverConfig } from "./driver.ts";

/** Flags of the esx-agent, beside those that every agent has. */
export const ESX_OPTIONS = {
  server: {
    flag: "server",
    env: "VIRTMESH_ESX_SERVER",
    help: "ESX host or vCenter, host[:port]",
    type: text,
    default: "",
  },
  serverHost: {
    flag: "server-host",
    env: "VIRTMESH_ESX_SERVER_HOST",
    help: "which host of a vCenter is fronted: Datacenter/Cluster/host, or Datacenter/host in no cluster",
    type: text,
    default: "",
  },
  user: { flag: "user", env: "VIRTMESH_ESX_USER", help: "user at the server", type: text, default: "root" },
  passwordFile: {
    flag: "password-file",
    env: "VIRTMESH_ESX_PASSWORD_FILE",
    help: "file whose first line is the password",
    type: text,
    default: "/etc/virtmesh/esx-password",
  },
  caFile: {
    flag: "server-ca",
    env: "VIRTMESH_ESX_SERVER_CA",
    help: "PEM file of the authorities that sign the server's certificate; without it the system's",
    type: text,
  },
  fingerprint: {
    flag: "server-fingerprint",
    env: "VIRTMESH_ESX_SERVER_FINGERPRINT",
    help: "SHA-256 of the server's certificate, which is trusted whoever signed it",
    type: text,
  },
} as const;

const HTTPS = 443;

/** What the driver needs out of the flags. @throws HOST_SETUP naming the flag */
export async function readEsxConfig(
  values: Values<typeof ESX_OPTIONS>,
): Promise<Pick<EsxDriverConfig, "endpoint" | "credentials" | "path">> {
  const [, host, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(values.server) ?? [];
  if (host === undefined)
    throw new VirtError(
      "HOST_SETUP",
      `--server "${values.server}" is no host[:port]; name the ESX host or vCenter`,
    );
  const fingerprint = values.fingerprint?.replaceAll(":", "").toLowerCase();
  if (fingerprint !== undefined && !/^[0-9a-f]{64}$/.test(fingerprint))
    throw new VirtError("HOST_SETUP", "--server-fingerprint is no SHA-256, which has 64 hexadecimal digits");
  const [password = ""] = (await read("--password-file", values.passwordFile)).split(/\r?\n/);
  return {
    endpoint: {
      host: host.replace(/^\[|\]$/g, ""),
      port: port === undefined ? HTTPS : Number(port),
      ...(values.caFile === undefined ? {} : { ca: await read("--server-ca", values.caFile) }),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    },
    credentials: { user: values.user, password },
    path: values.serverHost.replace(/^\/|\/$/g, ""),
  };
}

async function read(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new VirtError("HOST_SETUP", `${flag} cannot be read: ${messageOf(cause)}`, {}, { cause });
  }
}
