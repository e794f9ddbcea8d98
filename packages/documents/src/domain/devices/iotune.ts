import { big, nonEmpty } from "../../schema/kinds.ts";
import { optional, textChild } from "../../schema/parts.ts";

/** Limits of speed; numbers a second, or how long a burst may last. */
export const iotune = {
  totalBytesSec: optional(textChild("total_bytes_sec", big)),
  readBytesSec: optional(textChild("read_bytes_sec", big)),
  writeBytesSec: optional(textChild("write_bytes_sec", big)),
  totalIopsSec: optional(textChild("total_iops_sec", big)),
  readIopsSec: optional(textChild("read_iops_sec", big)),
  writeIopsSec: optional(textChild("write_iops_sec", big)),
  totalBytesSecMax: optional(textChild("total_bytes_sec_max", big)),
  readBytesSecMax: optional(textChild("read_bytes_sec_max", big)),
  writeBytesSecMax: optional(textChild("write_bytes_sec_max", big)),
  totalIopsSecMax: optional(textChild("total_iops_sec_max", big)),
  readIopsSecMax: optional(textChild("read_iops_sec_max", big)),
  writeIopsSecMax: optional(textChild("write_iops_sec_max", big)),
  sizeIopsSec: optional(textChild("size_iops_sec", big)),
  groupName: optional(textChild("group_name", nonEmpty)),
  totalBytesSecMaxLength: optional(textChild("total_bytes_sec_max_length", big)),
  readBytesSecMaxLength: optional(textChild("read_bytes_sec_max_length", big)),
  writeBytesSecMaxLength: optional(textChild("write_bytes_sec_max_length", big)),
  totalIopsSecMaxLength: optional(textChild("total_iops_sec_max_length", big)),
  readIopsSecMaxLength: optional(textChild("read_iops_sec_max_length", big)),
  writeIopsSecMaxLength: optional(textChild("write_iops_sec_max_length", big)),
} as const;
