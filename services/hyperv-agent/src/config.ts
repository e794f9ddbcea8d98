import { readFile } from "node:fs/promises";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { text, type Values } from "@virtmesh/kit/config";
import type { HypervDriverConfig } from "./driver.ts";
import { asVirtError } from "./faults.ts";
import type { Endpoint } from "./wsman/http.ts";
import { pinned } from "./wsman/pinned-certificate.ts";

/** Flags of the hyperv-agent, beside those that every agent has. */
export const HYPERV_OPTIONS = {
  server: {
    flag: "server",
    env: "VIRTMESH_HYPERV_SERVER",
    help: "Hyper-V host, host[:port]",
    type: text,
    default: "",
  },
  transport: {
    flag: "transport",
    env: "VIRTMESH_HYPERV_TRANSPORT",
    help: "https (port 5986), or http (port 5985), which needs --auth negotiate",
    type: text,
    default: "https",
  },
  auth: {
    flag: "auth",
    env: "VIRTMESH_HYPERV_AUTH",
    help: "how to log in: basic or negotiate",
    type: text,
    default: "negotiate",
  },
  user: {
    flag: "user",
    env: "VIRTMESH_HYPERV_USER",
    help: "user at the host: name, DOMAIN\\name or name@domain",
    type: text,
    default: "Administrator",
  },
  passwordFile: {
    flag: "password-file",
    env: "VIRTMESH_HYPERV_PASSWORD_FILE",
    help: "file whose first line is the password",
    type: text,
    default: "/etc/virtmesh/hyperv-password",
  },
  caFile: {
    flag: "server-ca",
    env: "VIRTMESH_HYPERV_SERVER_CA",
    help: "PEM file of the authorities that sign the host's certificate; without it the system's",
    type: text,
  },
  fingerprint: {
    flag: "server-fingerprint",
    env: "VIRTMESH_HYPERV_SERVER_FINGERPRINT",
    help: "SHA-256 of the host's certificate, which is trusted whoever signed it",
    type: text,
  },
} as const;

const PORTS = { http: 5985, https: 5986 } as const;

/** What the driver needs out of the flags. @throws HOST_SETUP naming the flag */
export async function readHypervConfig(
  values: Values<typeof HYPERV_OPTIONS>,
  signal: AbortSignal,
): Promise<Pick<HypervDriverConfig, "endpoint" | "credentials">> {
  const [, host, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(values.server) ?? [];
  if (host === undefined) throw wrong(`--server "${values.server}" is no host[:port]; name the Hyper-V host`);
  const { transport, auth: scheme } = values;
  if (transport !== "http" && transport !== "https")
    throw wrong(`--transport "${transport}" is neither https nor http`);
  if (scheme !== "basic" && scheme !== "negotiate")
    throw wrong(`--auth "${scheme}" is neither basic nor negotiate`);
  if (scheme === "basic" && transport === "http")
    throw wrong(
      "--auth basic over --transport http would send the password in the clear; use https or negotiate",
    );
  const fingerprint = values.fingerprint?.replaceAll(":", "").toLowerCase();
  if (fingerprint !== undefined && !/^[0-9a-f]{64}$/.test(fingerprint))
    throw wrong("--server-fingerprint is no SHA-256, which has 64 hexadecimal digits");
  const [password = ""] = (await read("--password-file", values.passwordFile)).split(/\r?\n/);
  const endpoint: Endpoint = {
    host: host.replace(/^\[|\]$/g, ""),
    port: port === undefined ? PORTS[transport] : Number(port),
    tls: transport === "https",
    ...(values.caFile === undefined ? {} : { ca: await read("--server-ca", values.caFile) }),
  };
  return {
    endpoint: fingerprint === undefined ? endpoint : await trusted(endpoint, fingerprint, signal),
    credentials: { scheme, user: values.user, password },
  };
}

async function trusted(endpoint: Endpoint, fingerprint: string, signal: AbortSignal): Promise<Endpoint> {
  try {
    return await pinned(endpoint, fingerprint, signal);
  } catch (e) {
    throw asVirtError(e, `${endpoint.host} cannot be used`);
  }
}

async function read(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new VirtError("HOST_SETUP", `${flag} cannot be read: ${messageOf(cause)}`, {}, { cause });
  }
}

function wrong(message: string): VirtError {
  return new VirtError("HOST_SETUP", message);
}
