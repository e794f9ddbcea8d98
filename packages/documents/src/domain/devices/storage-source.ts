import { big, int, nonEmpty, oneOf, uuid, yesNo } from "../../schema/kinds.ts";
import {
  amountChild,
  attribute,
  attributeChild,
  child,
  IN_BYTES,
  listChild,
  maybe,
  optional,
  ownText,
  repeated,
  textChild,
} from "../../schema/parts.ts";
import type { Choice, Fields, ModelOf, Schema } from "../../schema/schema.ts";
import { choice, element, lazy } from "../../schema/schema.ts";
import { hostPciSchema, sourceLabelSchema } from "./common.ts";

/** A secret that the host keeps, by its UUID or by what it is for. */
const secretSchema = element({
  type: maybe("type", nonEmpty),
  usage: maybe("usage", nonEmpty),
  uuid: maybe("uuid", uuid),
});

/** Who logs in where the bytes are. */
export const authSchema = element({
  type: maybe("type", oneOf("chap", "ceph")),
  username: attribute("username", nonEmpty),
  secret: optional(child("secret", secretSchema)),
});

export const encryptionSchema = element({
  format: attribute("format", oneOf("default", "qcow", "luks", "luks2", "luks-any")),
  engine: maybe("engine", oneOf("qemu", "librbd")),
  secrets: repeated("secret", secretSchema),
  cipher: optional(
    child(
      "cipher",
      element({
        name: attribute("name", nonEmpty),
        size: maybe("size", int()),
        mode: maybe("mode", nonEmpty),
        hash: maybe("hash", nonEmpty),
      }),
    ),
  ),
  ivgen: optional(
    child("ivgen", element({ name: attribute("name", nonEmpty), hash: maybe("hash", nonEmpty) })),
  ),
});

export const reconnectSchema = element({
  enabled: attribute("enabled", yesNo),
  timeout: maybe("timeout", int()),
});

/** Who hands out persistent reservations of SCSI. */
const reservationsSchema = element({
  enabled: maybe("enabled", yesNo),
  managed: maybe("managed", yesNo),
  migration: maybe("migration", yesNo),
  source: optional(
    child(
      "source",
      element({
        type: attribute("type", oneOf("unix")),
        path: maybe("path", nonEmpty),
        mode: maybe("mode", oneOf("client")),
      }),
    ),
  ),
});

const sliceSchema = element({
  type: attribute("type", oneOf("storage")),
  offset: attribute("offset", big),
  size: attribute("size", big),
});

export const initiator = {
  initiator: optional(child("initiator", element({ iqn: attributeChild("iqn", "name", nonEmpty) }))),
} as const;

const hostSchema = element({
  name: maybe("name", nonEmpty),
  port: maybe("port", int(0, 65535)),
  transport: maybe("transport", oneOf("tcp", "unix", "rdma")),
  socket: maybe("socket", nonEmpty),
});

const networkSource = {
  protocol: attribute(
    "protocol",
    oneOf(
      "nbd",
      "rbd",
      "sheepdog",
      "gluster",
      "iscsi",
      "http",
      "https",
      "ftp",
      "ftps",
      "tftp",
      "ssh",
      "vxhs",
      "nfs",
    ),
  ),
  name: maybe("name", nonEmpty),
  query: maybe("query", nonEmpty),
  tls: maybe("tls", yesNo),
  tlsHostname: maybe("tlsHostname", nonEmpty),
  tlsFromConfig: maybe("tlsFromConfig", nonEmpty),
} as const;

const networkSourceChildren = {
  hosts: repeated("host", hostSchema),
  identity: optional(
    child(
      "identity",
      element({
        user: maybe("user", nonEmpty),
        group: maybe("group", nonEmpty),
        username: maybe("username", nonEmpty),
        keyfile: maybe("keyfile", nonEmpty),
        agentsock: maybe("agentsock", nonEmpty),
      }),
    ),
  ),
  snapshot: optional(attributeChild("snapshot", "name", nonEmpty)),
  config: optional(attributeChild("config", "file", nonEmpty)),
  ...initiator,
  sslVerify: optional(attributeChild("ssl", "verify", yesNo)),
  cookies: optional(
    listChild("cookies", "cookie", element({ name: attribute("name", nonEmpty), value: ownText(nonEmpty) })),
  ),
  readahead: optional(attributeChild("readahead", "size", big)),
  timeout: optional(attributeChild("timeout", "seconds", big)),
  knownHosts: optional(attributeChild("knownHosts", "path", nonEmpty)),
  reconnect: optional(attributeChild("reconnect", "delay", int())),
} as const;

/** What a source has besides the place of its bytes. */
const common = {
  startupPolicy: maybe("startupPolicy", oneOf("mandatory", "requisite", "optional")),
  index: maybe("index", int()),
} as const;

const commonChildren = {
  slices: optional(listChild("slices", "slice", sliceSchema)),
  seclabels: repeated("seclabel", sourceLabelSchema),
  auth: optional(child("auth", authSchema)),
  encryption: optional(child("encryption", encryptionSchema)),
  reservations: optional(child("reservations", reservationsSchema)),
  /** The names by which a hypervisor found its parts again; only in the state of running guests. */
  privateData: optional(
    child(
      "privateData",
      element({
        nodenames: optional(
          listChild(
            "nodenames",
            "nodename",
            element({ type: attribute("type", nonEmpty), name: attribute("name", nonEmpty) }),
          ),
        ),
        reservations: optional(attributeChild("reservations", "mgralias", nonEmpty)),
        objects: optional(
          child(
            "objects",
            element({
              secrets: repeated(
                "secret",
                element({ type: attribute("type", nonEmpty), alias: attribute("alias", nonEmpty) }),
              ),
              tlsX509: optional(attributeChild("TLSx509", "alias", nonEmpty)),
            }),
          ),
        ),
        relPath: optional(textChild("relPath", nonEmpty)),
      }),
    ),
  ),
} as const;

const places = {
  file: {
    file: maybe("file", nonEmpty),
    fdgroup: maybe("fdgroup", nonEmpty),
    ...common,
    ...commonChildren,
  },
  block: { dev: maybe("dev", nonEmpty), ...common, ...commonChildren },
  network: { ...networkSource, ...common, ...networkSourceChildren, ...commonChildren },
} as const;

export const metadataCacheSchema = element({ maxSize: optional(amountChild("max_size", IN_BYTES)) });

/** The format of an image in a chain. */
const formatChild = {
  format: optional(
    child(
      "format",
      element({
        type: attribute("type", nonEmpty),
        metadataCache: optional(child("metadata_cache", metadataCacheSchema)),
      }),
    ),
  ),
} as const;

/** Where the raw bytes of an image lie whose metadata is here. */
const dataStore = {
  dataStore: optional(
    child(
      "dataStore",
      choice("type", {
        file: { ...formatChild, source: child("source", element(places.file)) },
        block: { ...formatChild, source: child("source", element(places.block)) },
        network: { ...formatChild, source: child("source", element(places.network)) },
      }),
    ),
  ),
} as const;

/** `<source>`, by the type of what it is in. */
export const storageSources = {
  file: element({ ...places.file, ...dataStore }),
  block: element({ ...places.block, ...dataStore }),
  dir: element({ dir: maybe("dir", nonEmpty), ...common, ...commonChildren }),
  network: element({ ...places.network, ...dataStore }),
  volume: element({
    pool: attribute("pool", nonEmpty),
    volume: attribute("volume", nonEmpty),
    mode: maybe("mode", oneOf("default", "host", "direct")),
    ...common,
    ...commonChildren,
  }),
  nvme: element({
    type: attribute("type", oneOf("pci")),
    managed: maybe("managed", yesNo),
    namespace: attribute("namespace", big),
    ...common,
    address: optional(child("address", hostPciSchema)),
    ...commonChildren,
  }),
  vhostuser: element({
    type: attribute("type", oneOf("unix")),
    path: attribute("path", nonEmpty),
    ...common,
    reconnect: optional(child("reconnect", reconnectSchema)),
    ...commonChildren,
  }),
  vhostvdpa: element({ dev: attribute("dev", nonEmpty), ...common, ...commonChildren }),
} as const;

/** What an image that others lie on has; all types have it alike. */
function variants<const B extends Fields, const A extends Fields>(before: B, after: A) {
  return {
    file: { ...before, ...formatChild, source: optional(child("source", storageSources.file)), ...after },
    block: { ...before, ...formatChild, source: optional(child("source", storageSources.block)), ...after },
    dir: { ...before, ...formatChild, source: optional(child("source", storageSources.dir)), ...after },
    network: {
      ...before,
      ...formatChild,
      source: optional(child("source", storageSources.network)),
      ...after,
    },
    volume: { ...before, ...formatChild, source: optional(child("source", storageSources.volume)), ...after },
    nvme: { ...before, ...formatChild, source: optional(child("source", storageSources.nvme)), ...after },
    vhostuser: {
      ...before,
      ...formatChild,
      source: optional(child("source", storageSources.vhostuser)),
      ...after,
    },
    vhostvdpa: {
      ...before,
      ...formatChild,
      source: optional(child("source", storageSources.vhostvdpa)),
      ...after,
    },
  } as const;
}

const images = variants({}, {});

/** The type and source of an image, whatever it is part of. */
export type Image = Choice<"type", typeof images>;

/** `none` ends a chain: `<backingStore/>`. */
export type BackingStore =
  | { readonly type: "none" }
  | (Image & { readonly index?: number; readonly backingStore?: BackingStore });

const backing = {
  backingStore: optional(
    child(
      "backingStore",
      lazy((): Schema<BackingStore> => backingStoreSchema),
    ),
  ),
} as const;

/** The image below, and so on. */
export const backingStoreSchema: Schema<BackingStore> = choice(
  "type",
  { none: {}, ...variants({ index: maybe("index", int()) }, backing) },
  { fallback: "none", implied: true },
);

/** A copy that is being made. Older libvirt writes the file and its format as attributes. */
export const mirrorSchema = choice(
  "type",
  variants(
    {
      file: maybe("file", nonEmpty),
      formatName: maybe("format", nonEmpty),
      job: maybe("job", oneOf("copy", "active-commit")),
      ready: maybe("ready", oneOf("yes", "abort", "pivot")),
    },
    backing,
  ),
  { fallback: "file" },
);

export type StorageSource = Image["source"];
export type Auth = ModelOf<typeof authSchema>;
export type Encryption = ModelOf<typeof encryptionSchema>;
